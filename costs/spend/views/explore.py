"""The explore page: any question about cost that the daily tables can answer."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime

from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_safe

from costs.charts import DailyCosts
from costs.csv_cells import csv_lines
from costs.pages import render_page
from costs.people.queries import scope_of
from costs.people.scope import Scope
from costs.periods import DAY, Period
from costs.spend import converted_tables, forms, queries, results, shared_tables, tables
from costs.spend.currency import Conversion, Rates, said
from costs.spend.explore import Explore
from costs.spend.queries import converting, exploring, exploring_shared
from costs.spend.queries.converting import InOne
from costs.spend.queries.exploring_shared import WithShared, can_share
from costs.spend.queries.saved_views import saved_views
from costs.spend.queries.sharing import may_share, rule_spans
from costs.spend.results import Result
from costs.spend.shared_costs import RuleSpan

NOT_YET = "There are no bills yet, so there is no table either."


@dataclass(frozen=True)
class Answer:
    """What one state of the page shows."""

    state: Explore
    """With the currency that the figures are in."""
    result: Result
    bars: DailyCosts
    currencies: tuple[str, ...]
    complete: date | None
    """The last day that is complete."""
    in_one: InOne | None = None
    """What sums in one currency were made of; None where they are as billed."""
    shared: WithShared | None = None
    """What they are without shared costs; None where they are direct."""
    may_share: bool = False
    """Whether there are rules for shared costs that this person may see at work."""

    @property
    def conversion(self) -> Conversion | None:
        """How sums came into one currency; None where they are as billed."""
        if self.shared:
            return self.shared.conversion
        return self.in_one.conversion if self.in_one else None


def today(now: datetime) -> date:
    """The UTC day, as charge days are."""
    return now.astimezone(UTC).date()


def user_id(request: HttpRequest) -> int:
    """Whose views are meant. Every page here asks for a sign-in before."""
    return int(request.user.pk or 0)


@require_safe
def explore(request: HttpRequest) -> HttpResponse:
    """Cost by one or two dimensions, over time and as a table."""
    scope, now = scope_of(request.user), timezone.now()
    known = queries.known_days(scope)
    state = forms.explore_state(request.GET, today=today(now), known=known)
    if known is None:
        return render_page(request, "spend/empty.html", {"now": now})
    answer = _answer(scope, state, now)
    shown = state.period.before(today(now) + DAY)
    response = render_page(
        request,
        "spend/explore.html",
        {
            "answer": answer,
            "state": state,
            "result": answer.result,
            "bars": answer.bars,
            "spec": results.bar_chart(answer.bars, state.step) if answer.bars.days else None,
            "complete": answer.complete,
            "incomplete": _incomplete(shown, answer.complete),
            "compared": state.compared,
            "known": known,
            "unknown_before": bool(state.compared and state.compared.start < known.start),
            "values": _values(scope, answer),
            "saved_views": saved_views(user_id(request)),
            "convertible": _convertible(scope, answer),
            "conversion": answer.conversion,
            "unconverted": [*map(said, answer.conversion.unconverted)] if answer.conversion else [],
            "now": now,
        },
        partials={"explore"},
    )
    if request.headers.get("HX-Request") and not request.headers.get("HX-Boosted"):
        # The address says what is shown and nothing else, whatever the form sent along.
        response["HX-Push-Url"] = reverse("spend:explore") + state.query
    return response


@require_safe
def explore_csv(request: HttpRequest) -> StreamingHttpResponse:
    """The table as it is shown, with every digit."""
    answer = _download(request)
    state = answer.state
    if answer.shared:
        rates = _rates_shown(request, state)
        table = shared_tables.groups(
            answer.shared.lines, state.keys, state.metric, state.shown_in, rates
        )
    elif answer.in_one:
        one = answer.in_one
        table = converted_tables.groups(
            one.groups, state.keys, state.metric, state.shown_in, one.rates
        )
    else:
        table = tables.groups(
            answer.result, state.keys, state.metric, compared=state.compared is not None
        )
    return download(table, f"costs-by-{'-and-'.join(state.keys)}")


@require_safe
def over_time_csv(request: HttpRequest) -> StreamingHttpResponse:
    """The figures behind the chart."""
    answer = _download(request)
    state = answer.state
    if answer.in_one:
        one = answer.in_one
        table = converted_tables.course(
            one.course, state.keys, state.step, state.metric, state.shown_in, one.rates
        )
    else:
        table = tables.over_time(answer.bars, state.step, state.metric)
        if answer.shared:
            table = shared_tables.marked(table)
    return download(table, f"costs-by-{state.step}")


def _rates_shown(request: HttpRequest, state: Explore) -> Rates | None:
    return queries.rates(scope_of(request.user), state.period) if state.shown_in else None


def download(table: tables.Table, name: str) -> StreamingHttpResponse:
    """A table as a CSV file."""
    return StreamingHttpResponse(
        csv_lines(table.header, table.rows),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}.csv"'},
    )


def _download(request: HttpRequest) -> Answer:
    scope, now = scope_of(request.user), timezone.now()
    known = queries.known_days(scope)
    state = forms.explore_state(request.GET, today=today(now), known=known)
    if known is None:
        raise Http404(NOT_YET)
    return _answer(scope, state, now)


def _answer(scope: Scope, state: Explore, now: datetime) -> Answer:
    held = rule_spans(scope) if may_share(scope) else ()
    if held and state.costs == "shared" and can_share(state.keys):
        return _answer_shared(scope, state, now, held)
    return replace(_answer_direct(scope, state, now), may_share=bool(held))


def _answer_direct(scope: Scope, state: Explore, now: datetime) -> Answer:
    if state.shown_in:
        return _answer_in(scope, state, now)
    found = exploring.explored(
        scope,
        state.selection,
        keys=state.keys,
        top=state.top,
        step=state.step,
        compared=state.compared,
        by_change=state.sort == "change" and state.compared is not None,
    )
    groups = found.groups
    state = replace(state, currency=groups.currency)
    result = results.result_of(groups.all, groups.currency)
    complete = exploring.complete_through(scope, today(now))
    bars = results.bars_of(
        result, found.parts, period=state.period, step=state.step, complete=complete
    )
    return Answer(state, result, bars, tuple(of for of, _ in groups.currencies), complete)


def _answer_in(scope: Scope, state: Explore, now: datetime) -> Answer:
    """The same in one currency, whatever the bills are in."""
    days = state.compared or state.period
    rates = queries.rates(scope, Period(min(days.start, state.period.start), state.period.end))
    in_one = converting.explored_in(
        scope,
        state.selection,
        target=state.shown_in,
        rates=rates,
        keys=state.keys,
        top=state.top,
        step=state.step,
        compared=state.compared,
        by_change=state.sort == "change" and state.compared is not None,
    )
    found = in_one.explored
    result = results.result_of(found.groups.all, state.shown_in)
    complete = exploring.complete_through(scope, today(now))
    bars = results.bars_of(
        result, found.parts, period=state.period, step=state.step, complete=complete
    )
    currencies = tuple(sorted({one.currency for one in queries.charges_by_month(scope)}))
    return Answer(state, result, bars, currencies, complete, in_one)


def _answer_shared(
    scope: Scope, state: Explore, now: datetime, held: tuple[RuleSpan, ...]
) -> Answer:
    """The same with shared costs where rules split them."""
    days = state.compared or state.period
    period = Period(min(days.start, state.period.start), state.period.end)
    found = exploring_shared.explored_shared(
        scope,
        state.selection,
        held=held,
        keys=state.keys,
        top=state.top,
        step=state.step,
        compared=state.compared,
        by_change=state.sort == "change" and state.compared is not None,
        target=state.shown_in,
        rates=queries.rates(scope, period) if state.shown_in else None,
    )
    groups = found.explored.groups
    if not state.shown_in:
        state = replace(state, currency=groups.currency)
    result = results.result_of(groups.all, groups.currency)
    complete = exploring.complete_through(scope, today(now))
    bars = results.bars_of(
        result, found.explored.parts, period=state.period, step=state.step, complete=complete
    )
    currencies = tuple(sorted({one.currency for one in queries.charges_by_month(scope)}))
    return Answer(state, result, bars, currencies, complete, shared=found, may_share=True)


def _incomplete(shown: Period, complete: date | None) -> Period | None:
    """The days up to today that are not complete yet."""
    start = max(shown.start, complete + DAY) if complete else shown.start
    return Period(start, shown.end) if start < shown.end else None


def _convertible(scope: Scope, answer: Answer) -> str:
    """The currency that the page offers beside those of the bills; empty for none."""
    if answer.state.shown_in:
        return answer.state.shown_in
    display = queries.display_currency(scope)
    return display if set(answer.currencies) - {display} else ""


def _values(scope: Scope, answer: Answer) -> list[exploring.Value]:
    """The values offered as filters; those that are chosen come first, found or not."""
    state = answer.state
    if not state.pick:
        return []
    found = exploring.values_of(scope, state.selection, state.pick, find=state.find)
    chosen = {*state.among(state.pick), *state.among(state.pick, excluded=True)}
    listed = {value.value for value in found}
    missing = [exploring.Value(value, "", None) for value in sorted(chosen - listed)]
    return [*(one for one in found if one.value in chosen), *missing] + [
        one for one in found if one.value not in chosen
    ]
