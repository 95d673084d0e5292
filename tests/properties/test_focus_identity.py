"""What is exported as FOCUS and read again is the same charges, in all 57 columns."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costs.finance.exports.focus import Container, write_focus
from costs.focus import CHARGE_CATEGORIES, CHARGE_FREQUENCIES, COLUMNS, Column
from tests.bills.making import write
from tests.properties.staged import lake, stage

words = st.text(
    # Everything that a CSV cell may hold: no half characters, no NUL, no bare nulls in words.
    alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\0\r"),
    max_size=12,
).filter(lambda text: text.strip() not in {"NULL", "null"})
named = words.filter(lambda text: bool(text.strip()))
amounts = st.decimals(min_value=Decimal(-999999999999), max_value=Decimal(999999999999), places=18)
FIRST = datetime(2000, 1, 2, tzinfo=UTC)
moments = st.timedeltas(timedelta(0), timedelta(days=36_000)).map(lambda after: FIRST + after)


@st.composite
def charges(draw: st.DrawFn) -> dict[str, str]:
    start, period = draw(moments), draw(moments)
    fixed: dict[str, st.SearchStrategy[str]] = {
        "ChargeCategory": st.sampled_from(CHARGE_CATEGORIES),
        "ChargeFrequency": st.sampled_from(["", *CHARGE_FREQUENCIES]),
        "BillingCurrency": st.sampled_from(["USD", "CAD", "JPY"]),
        "ProviderName": named,
        "BillingAccountId": named,
        "ServiceName": named,
        "ChargePeriodStart": st.just(start.isoformat()),
        "ChargePeriodEnd": st.integers(0, 40 * 86_400).map(
            lambda seconds: (start + timedelta(seconds=seconds)).isoformat()
        ),
        "BillingPeriodStart": st.just(period.isoformat()),
        "BillingPeriodEnd": st.just((period + timedelta(days=30)).isoformat()),
    }

    def value(column: Column) -> str:
        if column.focus_name in fixed:
            return draw(fixed[column.focus_name])
        if column.kind == "decimal":
            needed = column.mandatory
            return draw(amounts.map(str) if needed else st.one_of(st.just(""), amounts.map(str)))
        return draw(words)

    return {column.focus_name: value(column) for column in COLUMNS} | {
        "x_ResourceGroupName": draw(words)
    }


@pytest.mark.parametrize("container", get_args(Container.__value__))
@settings(max_examples=10)
@given(rows=st.lists(charges(), min_size=1, max_size=5))
def test_write_then_read_is_the_identity(container: Container, rows: list[dict[str, str]]) -> None:
    names = ", ".join((*(column.name for column in COLUMNS), "resource_group", "source_row"))
    with lake() as (connection, folder):
        first = stage(connection, write(folder / "given.csv", rows))
        assert (first.rows, first.rejected, dict(first.unread)) == (len(rows), 0, {})
        source = f"read_parquet('{first.charges}')"
        exported = folder / f"export.{container}"
        write_focus(connection, source, exported, container)
        second = stage(connection, exported)
        assert (second.rows, second.rejected, dict(second.unread)) == (len(rows), 0, {})

        wanted = connection.execute(
            f"SELECT {names} FROM {source} ORDER BY billing_account_id, source_row"
        ).fetchall()
        found = connection.execute(
            f"SELECT {names} FROM read_parquet('{second.charges}') ORDER BY source_row"
        ).fetchall()
    assert [row[:-1] for row in found] == [row[:-1] for row in wanted]


def test_export_is_as_the_specification_writes_it() -> None:
    from tests.bills.making import focus

    with lake() as (connection, folder):
        row = focus(BilledCost="10.50", Tags='{"a": "b"}')
        staged = stage(connection, write(folder / "given.csv", [row]))
        write_focus(connection, f"read_parquet('{staged.charges}')", folder / "e.csv", "csv")
        header, line = (folder / "e.csv").read_text().splitlines()

    assert header.replace('"', "").split(",") == [
        *(column.focus_name for column in COLUMNS),
        "x_ResourceGroupName",
    ]
    assert '"10.5"' in line
    assert '"2026-01-05T00:00:00Z"' in line
    assert '"{""a"": ""b""}"' in line
