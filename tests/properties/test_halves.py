"""Azure's two halves, whatever is in them: each sum is that of its file, in every grouping."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from costs.lake.models import BillVersion
from costs.money import exact_sum
from costs.spend.queries import Metric
from tests.bills.making import ingest, spent, write
from tests.bills.test_azure_halves import Line, rows
from tests.properties.test_costs import empty_lake

pytestmark = pytest.mark.django_db

costs = st.decimals(-1_000, 1_000, places=12).map(lambda cost: f"{cost:f}")
resources = st.sampled_from(["vm-1", "vm-2", "disk-1"])
plain = st.tuples(st.just("Usage"), resources, st.just(""), st.just("1"), costs)
bought = st.tuples(st.just("Purchase"), st.just(""), st.just("r-1"), st.just("1"), costs)
covered = st.tuples(st.just("Usage"), resources, st.just("r-1"), st.just("2"), st.just("0"))
used = st.tuples(st.just("Usage"), resources, st.just("r-1"), st.just("2"), costs)
unused = st.tuples(st.just("UnusedReservation"), st.just(""), st.just("r-1"), st.just("3"), costs)
dated = st.sampled_from(["05", "06", "07"])


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    actual=st.lists(st.tuples(st.one_of(plain, covered), dated), max_size=6),
    purchase=st.tuples(bought, dated),
    amortized=st.lists(st.tuples(st.one_of(plain, used), dated), max_size=6),
    rest=st.tuples(unused, dated),
    order=st.permutations(["actual", "amortized"]),
    together=st.booleans(),
)
def test_sums_are_those_of_the_files(
    actual: list[tuple[Line, str]],
    purchase: tuple[Line, str],
    amortized: list[tuple[Line, str]],
    rest: tuple[Line, str],
    order: list[str],
    together: bool,
) -> None:
    halves = {"actual": [*actual, purchase], "amortized": [*amortized, rest]}
    metrics: dict[str, Metric] = {"actual": "billed_cost", "amortized": "effective_cost"}
    with empty_lake() as folder:
        files = []
        for name in order:
            lines = [row for line, day in halves[name] for row in rows([line], day=day)]
            files.append(write(folder / name / "part.csv", lines))
        if together:
            ingest(*files, accept=True)
        else:
            for file in files:
                ingest(file, accept=True)

        live = BillVersion.objects.get(status="live")
        assert live.rows == sum(map(len, halves.values()))
        for name, lines_of in halves.items():
            wanted: dict[tuple[str, ...], list[Decimal]] = defaultdict(list)
            for (_, resource, _, _, cost), day in lines_of:
                wanted[f"2026-01-{day}", f"/x/{resource}" if resource else "", "USD"].append(
                    Decimal(cost)
                )
            found = spent("day", "resource_id", metric=metrics[name])
            sums = {key: exact_sum(several) for key, several in wanted.items()}
            assert {key: cost for key, cost in found.items() if cost} == {
                key: cost for key, cost in sums.items() if cost
            }
