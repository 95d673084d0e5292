"""Work in parts: each part is a run of its own, done by whichever worker is free.

Whoever has the whole helps with the parts that nobody has taken, so one worker gets there too and
several never wait for each other; it waits only for those that others have. A part that is done
stays done: when the worker of the whole dies, the next one finds its parts.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.utils import timezone

from costs.jobs import operations
from costs.jobs.kinds import TryAgain
from costs.jobs.models import JobRun

LOOK_EVERY = 0.25
"""Seconds between two looks at parts that other workers have."""

State = JobRun.State


class PartFailed(RuntimeError):
    """A part cannot be done, and so the whole cannot. The message is the part's error."""


def do_parts(
    whole: int,
    name: str,
    parts: Sequence[Mapping[str, Any]],
    *,
    is_kept: Callable[[Any], bool],
    told: Callable[[int], None],
) -> list[Any]:
    """Have each of ``parts`` (arguments of work of kind ``name``) done; their results in order.

    ``whole`` is the key of the run that needs them. ``is_kept`` says of the result of a part that
    was done earlier whether it can still be used; ``told`` is called with how many are done.
    Raises :class:`PartFailed`, or :class:`TryAgain` where a part failed for no fault of its own;
    what has not begun then does not begin.
    """
    keys = [_ask(whole, name, nth, part, is_kept) for nth, part in enumerate(parts)]
    mine = JobRun.objects.filter(pk__in=keys)
    while True:
        found = {run.pk: run for run in mine.defer("arguments")}
        if failed := [run for run in found.values() if run.state == State.FAILED]:
            operations.drop_parts(mine, now=timezone.now())
            cause = min(failed, key=lambda run: run.subject)
            error = TryAgain if cause.attempt >= operations.ATTEMPTS else PartFailed
            raise error(cause.error)
        done = sum(run.state == State.DONE for run in found.values())
        told(done)
        if done == len(found):
            return [found[key].result for key in keys]
        if queued := [run.pk for run in found.values() if run.state == State.QUEUED]:
            operations.do(min(queued))
            continue
        operations.reopen(mine, now=timezone.now())
        time.sleep(LOOK_EVERY)


def _ask(
    whole: int, name: str, nth: int, arguments: Mapping[str, Any], is_kept: Callable[[Any], bool]
) -> int:
    """The key of the run for this part: one that is done or open already, or a new one."""
    subject = f"part {nth + 1:03d} of work {whole}"
    known = JobRun.objects.filter(parent=whole, kind=name, subject=subject).first()
    done = known is not None and known.state == State.DONE and known.arguments == arguments
    if known and done and is_kept(known.result):
        return known.pk
    run, _ = operations.request(
        name, subject, actor="headroom", now=timezone.now(), parent=whole, **arguments
    )
    return run.pk
