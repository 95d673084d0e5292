"""The kinds of background work, and who asks for it each minute. Pure.

Each wing registers its own in ``AppConfig.ready``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, Protocol

type Queue = Literal["short", "long"]


class TryAgain(RuntimeError):
    """Work could not be done now, though nothing is wrong with what it was given.

    The message is a sentence for people; the work goes back to the queue.
    """


class Telling(Protocol):
    """How running work says what it does; each call also extends its lease."""

    def __call__(self, what: str, share: float, /) -> None: ...


@dataclass(frozen=True)
class Kind:
    """``work(tell, **arguments)`` returns a JSON result, or raises; it must be idempotent."""

    name: str
    queue: Queue
    work: Callable[..., Any]
    after: Callable[..., None] | None = None
    """``after(**arguments)`` removes what the work was given, once the row says how it ended."""


type OnSweep = Callable[[datetime], None]
"""Called with the sweep's time (UTC)."""

_kinds: dict[str, Kind] = {}
_on_sweep: dict[str, OnSweep] = {}


def register(
    name: str,
    work: Callable[..., Any],
    *,
    queue: Queue,
    after: Callable[..., None] | None = None,
) -> None:
    """Make a kind of work known. Once per process; a second one of the same name replaces it.

    ``after`` is called when the work is done or has failed of its own fault, and not when it may
    be asked for again.
    """
    _kinds[name] = Kind(name, queue, work, after)


def kind(name: str) -> Kind:
    """The kind of that name. Raises :class:`LookupError` naming the known ones."""
    if name not in _kinds:
        raise LookupError(f"no such kind of work: {name}; known are {', '.join(sorted(_kinds))}")
    return _kinds[name]


def on_sweep(name: str, callback: OnSweep) -> None:
    """Have ``callback(now)`` called by each sweep, once a minute, to request what is due by then.

    It must be quick and safe to call twice: it asks for work (``costs.jobs.operations.request``)
    and does none. What it raises is logged under ``name`` and stops no other callback. Once per
    process; a second one of the same name replaces it.
    """
    _on_sweep[name] = callback


def swept() -> Iterator[tuple[str, OnSweep]]:
    """Every callback with its name, in the order in which they were registered."""
    yield from list(_on_sweep.items())
