"""The kinds of background work; each wing registers its own in ``AppConfig.ready``. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol

type Queue = Literal["short", "long"]


class Telling(Protocol):
    """How running work says what it does; each call also extends its lease."""

    def __call__(self, what: str, share: float, /) -> None: ...


@dataclass(frozen=True)
class Kind:
    """``work(tell, **arguments)`` returns a JSON result, or raises; it must be idempotent."""

    name: str
    queue: Queue
    work: Callable[..., Any]


_kinds: dict[str, Kind] = {}


def register(name: str, work: Callable[..., Any], *, queue: Queue) -> None:
    """Make a kind of work known. Once per process; a second one of the same name replaces it."""
    _kinds[name] = Kind(name, queue, work)


def kind(name: str) -> Kind:
    """The kind of that name. Raises :class:`LookupError` naming the known ones."""
    if name not in _kinds:
        raise LookupError(f"no such kind of work: {name}; known are {', '.join(sorted(_kinds))}")
    return _kinds[name]
