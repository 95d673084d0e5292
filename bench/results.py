"""What a benchmark found, as a table and as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Result:
    """One figure and its goal.

    ``goal`` is the largest ratio that is good enough where there is a ``baseline``, else the
    largest value, in ``unit``; the least one where ``least`` says so.
    """

    name: str
    value: float
    unit: str
    baseline: float | None
    ratio: float | None
    goal: float
    met: bool
    least: bool = False


def against(name: str, value: float, unit: str, baseline: float, goal: float) -> Result:
    """A figure judged by its ratio to a baseline of the same run."""
    ratio = round(value / baseline, 3)
    return Result(name, round(value, 3), unit, round(baseline, 3), ratio, goal, ratio <= goal)


def at_most(name: str, value: float, unit: str, goal: float) -> Result:
    """A figure judged by itself."""
    return Result(name, round(float(value), 3), unit, None, None, goal, bool(value <= goal))


def at_least(name: str, value: float, unit: str, goal: float) -> Result:
    """A figure judged by itself, of which more is better."""
    return Result(
        name, round(float(value), 3), unit, None, None, goal, bool(value >= goal), least=True
    )


def write(results: Sequence[Result], file: Path) -> None:
    """Write ``{"results": [...]}``."""
    agreed = [asdict(result) for result in results]
    for one in agreed:
        del one["least"]  # the table's own
    document = {"results": agreed}
    file.write_text(json.dumps(document, indent=2) + "\n")


def table(results: Sequence[Result]) -> str:
    """One line per result, columns aligned."""
    rows = [("benchmark", "value", "baseline", "ratio", "goal", "met")]
    rows += [
        (
            one.name,
            f"{one.value:,.2f} {one.unit}",
            "" if one.baseline is None else f"{one.baseline:,.2f} {one.unit}",
            "" if one.ratio is None else f"{one.ratio:.2f} ×",
            f"{'≥' if one.least else '≤'} {one.goal:g} {one.unit if one.ratio is None else '×'}",
            "yes" if one.met else "NO",
        )
        for one in results
    ]
    widths = [max(len(row[nth]) for row in rows) for nth in range(len(rows[0]))]
    return "\n".join(
        "  ".join(
            text.ljust(width) if nth == 0 else text.rjust(width)
            for nth, (text, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    )
