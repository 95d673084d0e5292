"""The words of the product, each with its meaning in a sentence or two. Pure.

Pages explain a term with ``{% term "effective cost" %}``; the page ``/glossary/`` lists them all.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

type Topic = Literal["Bills", "Costs", "Where costs belong", "Budgets", "Capacity", "Data"]


@dataclass(frozen=True)
class Term:
    """A word and what is meant by it."""

    name: str
    meaning: str
    topic: Topic

    @property
    def slug(self) -> str:
        """``effective-cost``: its anchor on the glossary page."""
        return re.sub(r"[^a-z0-9]+", "-", self.name.lower()).strip("-")


TERMS: tuple[Term, ...] = (
    Term("charge", "One row of a bill: something was used, bought, taxed or credited.", "Bills"),
    Term("bill", "What one source delivers for one billing period.", "Bills"),
    Term(
        "delivery",
        "One arrival of a bill. It may consist of several files, its parts, and replaces the whole"
        " month of its source.",
        "Bills",
    ),
    Term(
        "manifest",
        "A file of the provider that says which files are one delivery, and sometimes how many rows"
        " they have.",
        "Bills",
    ),
    Term(
        "column mapping",
        "Which column of a vendor's CSV is the day, the cost and the rest, kept for its source.",
        "Bills",
    ),
    Term(
        "version",
        "What is kept of one delivery. One version of a bill is live; those before it stay for"
        " comparison.",
        "Bills",
    ),
    Term(
        "source",
        "Where bills come from: a provider, a billing account, the scope of the export and its"
        " format. It is told from the content, not from the file's name.",
        "Bills",
    ),
    Term("live", "Counted: every page and export reads this version of the bill.", "Bills"),
    Term(
        "held",
        "Stored but not counted, because something looks wrong: it lost rows or cost, too much of"
        " it could not be read, or another source already covers it. An operator accepts or"
        " refuses it.",
        "Bills",
    ),
    Term(
        "missing",
        "A month without any bill although the source has delivered an earlier one.",
        "Bills",
    ),
    Term(
        "awaited",
        "The first days of a month, before its bill can have come.",
        "Bills",
    ),
    Term("refused", "Someone decided that this delivery shall never count.", "Bills"),
    Term(
        "superseded",
        "Was live until a newer version of the same bill came.",
        "Bills",
    ),
    Term(
        "restated",
        "Replaced by a newer version of the same bill. Providers correct months for weeks after"
        " they end.",
        "Bills",
    ),
    Term(
        "ledger",
        "What a version changed against the one before it, charge by charge: by day, service and"
        " resource, and each changed value with what it was.",
        "Bills",
    ),
    Term(
        "reconciled",
        "Held against the provider's own total of the same account and month: it matches, differs,"
        " or cannot be compared yet.",
        "Bills",
    ),
    Term(
        "reject",
        "A row that could not be read. It is in no total; its file, row, column and reason are"
        " kept.",
        "Bills",
    ),
    Term(
        "billing period",
        "Which bill a charge is on, usually a calendar month. Its start belongs to it, its end"
        " does not; UTC.",
        "Bills",
    ),
    Term(
        "charge period",
        "When something was used. Its start belongs to it, its end does not; UTC.",
        "Bills",
    ),
    Term(
        "billed cost", "What is invoiced. A commitment counts in full when it is bought.", "Costs"
    ),
    Term(
        "effective cost",
        "What was used: commitments are spread over what they cover, so that a purchase does not"
        " look like a spike.",
        "Costs",
    ),
    Term("list cost", "What the same use would cost at the public price.", "Costs"),
    Term(
        "contracted cost", "What it costs at the price you negotiated, before commitments.", "Costs"
    ),
    Term(
        "charge category",
        "Whether a charge is Usage, Purchase, Tax, Credit or Adjustment.",
        "Costs",
    ),
    Term(
        "commitment discount",
        "A lower price for a promise to use: reserved instance, savings plan and Azure reservation"
        " alike.",
        "Costs",
    ),
    Term("coverage", "How much of the eligible use a commitment pays for, in percent.", "Costs"),
    Term(
        "commitment utilization",
        "How much of what was committed to is really used, in percent.",
        "Costs",
    ),
    Term(
        "display currency",
        "The currency that sums are shown in, the same for everybody; bills keep their own.",
        "Costs",
    ),
    Term(
        "exchange rate",
        "What one unit of a currency is in another one, pinned to a month and used in both"
        " directions.",
        "Costs",
    ),
    Term(
        "complete day",
        "A day whose charges have all arrived, as far as can be told: providers finish a day"
        " within about two more.",
        "Costs",
    ),
    Term(
        "new, gone",
        "New: a cost this week and none in the 28 days before. Gone: a cost last week and none this"
        " week.",
        "Costs",
    ),
    Term("sub-account", "An AWS account or an Azure subscription.", "Where costs belong"),
    Term(
        "environment",
        "Development, staging, production, or one that you add. Rules place every charge in one.",
        "Where costs belong",
    ),
    Term("cost center", "Who pays.", "Where costs belong"),
    Term(
        "allocation",
        "The rules, in order, that give each charge an environment and a cost center.",
        "Where costs belong",
    ),
    Term(
        "unallocated",
        "What no rule could place in an environment. It is shown, never hidden.",
        "Where costs belong",
    ),
    Term(
        "shared cost",
        "What belongs to nobody alone, such as tax or support. Rules split it over environments or"
        " cost centers, as a view beside the direct cost.",
        "Where costs belong",
    ),
    Term(
        "resource",
        "A machine, a database, a disk: whatever has an id of its own on a bill.",
        "Where costs belong",
    ),
    Term(
        "scope",
        "Which environments and cost centers you may see.",
        "Where costs belong",
    ),
    Term("band", "The low and the high of a month's budget for one environment.", "Budgets"),
    Term(
        "anomaly",
        "A service that cost clearly more on a day than its level and weekday say, or a charge of"
        " once a month that did not come as it always does.",
        "Budgets",
    ),
    Term(
        "verdict",
        "How a month stands against its band: under, inside, at risk, over, or unknown.",
        "Budgets",
    ),
    Term(
        "month to date",
        "Effective cost of the month's days so far, also of those that are not complete yet.",
        "Budgets",
    ),
    Term(
        "expected",
        "What the whole month will cost if nothing changes, with the range that it will most"
        " likely end in.",
        "Budgets",
    ),
    Term(
        "even pace",
        "Where the month would stand if it went straight to the middle of its band.",
        "Budgets",
    ),
    Term("run rate", "The rest of the month goes on as its complete days went.", "Budgets"),
    Term("forecast", "Expected spend if nothing changes.", "Budgets"),
    Term(
        "alert",
        "Something that may need you: raised once, louder if it gets worse, closed with the reason"
        " when it is no longer true.",
        "Budgets",
    ),
    Term(
        "note, warning, urgent",
        "How loud an alert is. A note is told in the weekly digest only; a warning at once, but not"
        " in quiet hours; what is urgent at any hour.",
        "Budgets",
    ),
    Term(
        "acknowledged",
        "Somebody has seen the alert and takes care of it. Nobody is told again unless it gets"
        " worse.",
        "Budgets",
    ),
    Term(
        "muted",
        "Nobody is told of it until a day that somebody chose. The log shows it.",
        "Budgets",
    ),
    Term(
        "recipient",
        "Who is told of alerts: a person, an e-mail address, or a channel such as a chat room.",
        "Budgets",
    ),
    Term(
        "digest",
        "The weekly mail before the review: bands, what is expected, what moved, open alerts.",
        "Budgets",
    ),
    Term(
        "outbox",
        "What is to be sent, was sent, or could not be. A message whose fate nobody knows is"
        " uncertain, and goes out again only when a person says so.",
        "Budgets",
    ),
    Term(
        "utilization",
        "Used ÷ provisioned in percent, always with its statistic, such as the 95th percentile.",
        "Capacity",
    ),
    Term(
        "headroom", "100 − utilization at the chosen statistic: how much room is left.", "Capacity"
    ),
    Term("runway", "Days until a threshold is crossed if growth goes on.", "Capacity"),
    Term("right-sizing", "Another size for the same work.", "Capacity"),
    Term(
        "candidate",
        "A saving that a rule proposes. A person accepts, dismisses or snoozes it.",
        "Capacity",
    ),
    Term("lookback", "The period of samples that a rule sees.", "Capacity"),
    Term(
        "scenario",
        "What-if inputs, such as twice the traffic. Its result is a projection.",
        "Capacity",
    ),
    Term("breach", "The first moment at which a threshold or a band is left.", "Capacity"),
    Term("lake", "The folder of Parquet files that holds all charges.", "Data"),
    Term("pin", "Keeps the files of a version that something signed rests on.", "Data"),
)

_BY_NAME = {term.name: term for term in TERMS}


def term(name: str) -> Term:
    """The term of that name. Raises :class:`LookupError`: a page may use no other word."""
    try:
        return _BY_NAME[name.lower()]
    except KeyError:
        raise LookupError(f"“{name}” is not in costs/glossary.py") from None


def by_topic() -> list[tuple[Topic, list[Term]]]:
    """All terms under their topics, in the order of TERMS."""
    topics: dict[Topic, list[Term]] = {}
    for one in TERMS:
        topics.setdefault(one.topic, []).append(one)
    return list(topics.items())
