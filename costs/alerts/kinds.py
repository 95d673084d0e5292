"""What somebody can be alerted of: the kinds, their levels and the defaults. Pure.

A rule of any kind is the same three figures: from which value on an alert is a note (told in the
weekly digest only), a warning or urgent (both told at once). What the figure counts is the unit of
its kind.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import IntEnum
from typing import Final, Literal

from costs.money import plain

type Unit = Literal["percent", "chance", "days", "money", "months", "bills", "fixed"]

TOTAL: Final = "total"
"""The environment of an alert that is about everything."""


class Level(IntEnum):
    """How loud an alert is."""

    NOTE = 1
    """In the weekly digest only."""
    WARNING = 2
    """Told at once, but not in quiet hours."""
    URGENT = 3
    """Told at once, at any hour."""

    @property
    def word(self) -> str:
        """``warning``."""
        return self.name.lower()


@dataclass(frozen=True)
class Levels:
    """From which value on an alert is what; None where that level is not used."""

    note: Decimal | None = None
    warning: Decimal | None = None
    urgent: Decimal | None = None

    def __post_init__(self) -> None:
        given = [figure for _, figure in self.rising]
        if any(not figure.is_finite() or figure < 0 for figure in given):
            raise ValueError("A level is a number, 0 or more.")
        if given != sorted(given) or len(set(given)) != len(given):
            raise ValueError("Each level must be higher than the one before it.")

    @property
    def rising(self) -> list[tuple[Level, Decimal]]:
        """The levels that are used, the lowest first."""
        pairs = (
            (Level.NOTE, self.note),
            (Level.WARNING, self.warning),
            (Level.URGENT, self.urgent),
        )
        return [(level, figure) for level, figure in pairs if figure is not None]


@dataclass(frozen=True)
class Kind:
    """A kind of alert. ``name`` is what commands, links and tables call it."""

    name: str
    label: str
    meaning: str
    unit: Unit
    defaults: Levels
    margin: Decimal = Decimal(0)
    """How far the value must fall below a level before that level lets go of an alert (ours): a
    chance that wavers around 50 % would otherwise be told of every other day."""
    tells_figures: bool = True
    """Whether its text holds amounts of money; who may not see them is not told of it."""
    gone: str = "It was no longer found."
    """Why an alert closes when nothing is measured for it any more."""

    def said(self, figure: Decimal, currency: str = "") -> str:
        """A value or a level of this kind, for people: ``80 %``, ``4 days``, ``5 USD a week``."""
        text = plain(figure.quantize(Decimal("0.1")) if self.unit != "money" else figure)
        if self.unit == "percent":
            return f"{text} %"
        if self.unit == "chance":
            return f"{text} % chance"
        if self.unit == "money":
            return f"{text} {currency} a week".replace("  ", " ")
        if self.unit == "fixed":
            return Level(int(figure)).word
        return f"{text} {self.unit if figure != 1 else self.unit.removesuffix('s')}"


KINDS: Final = {
    kind.name: kind
    for kind in (
        Kind(
            "band-share",
            "Share of the band spent",
            "The month to date has reached a share of the band's high.",
            "percent",
            # The project's own: half is worth a line, the end of the band is not to be missed.
            Levels(Decimal(50), Decimal(80), Decimal(100)),
            gone="Its month is over.",
        ),
        Kind(
            "forecast-over",
            "Expected above the band",
            "The chance that the month ends above the band's high.",
            "chance",
            Levels(None, Decimal(50), Decimal(80)),  # METHODS.md section 1: at risk, urgent
            margin=Decimal(10),
            gone="Its month is over.",
        ),
        Kind(
            "ending-below",
            "Ending below the band",
            "The chance that the month ends below the band's low: money budgeted and unused, or a"
            " missing bill.",
            "chance",
            Levels(None, Decimal(80), None),  # METHODS.md section 1: under
            margin=Decimal(10),
            gone="Its month is over.",
        ),
        Kind(
            "anomaly",
            "Anomaly",
            "A day cost more than expected, by so many percent of what was expected.",
            "percent",
            # METHODS.md section 1: a day fires at an impact of 10 %; twice the expected is ours.
            Levels(None, Decimal(10), Decimal(100)),
            gone="The day was restated and stands out no more.",
        ),
        Kind(
            "stale-data",
            "Stale data",
            "A source has not delivered for so many days more than it usually takes.",
            "days",
            Levels(None, Decimal(4), Decimal(10)),  # bills.queries.STALE_AFTER; 10 is ours
            tells_figures=False,
            gone="The source is there no more.",
        ),
        Kind(
            "missing-bill",
            "Missing bill",
            "A source has delivered months before and after one that has no bill.",
            "months",
            Levels(None, Decimal(1), None),
            tells_figures=False,
            gone="The bill has come.",
        ),
        Kind(
            "held-bill",
            "Held bill",
            "A delivery waits for somebody's yes or no; figures are those of before.",
            "bills",
            Levels(None, Decimal(1), None),
            tells_figures=False,
            gone="Somebody has decided on it.",
        ),
        Kind(
            "reconciliation",
            "Reconciliation difference",
            "Our total and the provider's own differ, by so many percent of the provider's.",
            "percent",
            Levels(None, Decimal("0.1"), Decimal(1)),  # ours
            gone="The totals agree again.",
        ),
        Kind(
            "unallocated-share",
            "Unallocated share",
            "So many percent of the month to date belong to no environment.",
            "percent",
            Levels(None, Decimal(10), None),  # ours, as in the review's headline
            margin=Decimal(1),
            gone="Its month is over.",
        ),
        Kind(
            "untagged-resource",
            "Untagged new resource",
            "A resource has appeared that no rule places in an environment.",
            "money",
            Levels(None, Decimal(5), None),  # ours: a week of less is not worth a mail
            gone="It was placed, has stopped costing anything, or is new no more.",
        ),
        Kind(
            "new-service",
            "New service",
            "An environment uses a service that it has not used before.",
            "money",
            Levels(None, Decimal(5), None),  # ours
            gone="It is new no more.",
        ),
        Kind(
            "threshold",
            "Threshold broken",
            "A threshold of the capacity rules is broken; the alert says which action that asks"
            " for.",
            "fixed",
            Levels(Decimal(1), Decimal(2), Decimal(3)),
            gone="The threshold is kept again.",
        ),
        Kind(
            "commitment-expiring",
            "Commitment expiring",
            "A commitment ends soon, and what it covers will be paid at the price without it.",
            "fixed",
            Levels(Decimal(1), Decimal(2), Decimal(3)),
            gone="It was renewed, or has ended.",
        ),
    )
}
"""Every kind by its name, in the order of pages."""


@dataclass(frozen=True)
class Rule:
    """What holds for one kind in one environment."""

    on: bool
    levels: Levels


@dataclass(frozen=True)
class RuleBook:
    """The rules that somebody has set; everything else follows the defaults."""

    rules: dict[tuple[str, str], Rule]
    """By kind and environment; ``""`` stands for all environments without a rule of their own."""

    def rule(self, kind: str, environment: str) -> Rule:
        """What holds for ``kind`` in ``environment``."""
        for key in ((kind, environment), (kind, "")):
            if key in self.rules:
                return self.rules[key]
        return Rule(True, KINDS[kind].defaults)
