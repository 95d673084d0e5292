"""A Parquet file's doubles are the decimals that their provider wrote: the shortest ones."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

from hypothesis import example, given, settings
from hypothesis import strategies as st

from costs.money import EXACT
from tests.bills.making import focus, write
from tests.properties.staged import lake, stage

doubles = st.one_of(
    st.floats(-1e12, 1e12, exclude_min=True, exclude_max=True),
    st.floats(-100_001, 100_001),
    st.floats(-1e-6, 1e-6),
    st.decimals(-99_999, 99_999, places=10).map(float),
    st.decimals(-1_000, 1_000, places=4).map(float),
)


@settings(max_examples=25)
@given(values=st.lists(doubles, min_size=1, max_size=40))
@example(values=[0.1, 0.1 + 0.2, 1e-10, 1.5e-10, 99999.9999999999, 100000.1, -0.0, 5e-324])
def test_shortest_decimal_rounded_at_the_18th_place(values: list[float]) -> None:
    wanted = [
        (number, Decimal(repr(value)).quantize(Decimal("1e-18"), ROUND_HALF_UP, EXACT))
        for number, value in enumerate(values, start=1)
    ]
    with lake() as (connection, folder):
        source = write(folder / "rows.csv", [focus(BilledCost=repr(value)) for value in values])
        connection.execute(
            "COPY (SELECT * REPLACE (BilledCost::DOUBLE AS BilledCost, '0' AS EffectiveCost,"
            " NULL::VARCHAR AS ListCost, NULL::VARCHAR AS ContractedCost)"
            f" FROM read_csv('{source}', all_varchar=true))"
            f" TO '{folder / 'b.parquet'}' (FORMAT parquet)"
        )
        staged = stage(connection, folder / "b.parquet")
        found = connection.execute(
            f"SELECT source_row, billed_cost FROM read_parquet('{staged.charges}') ORDER BY 1"
        ).fetchall()

    assert found == wanted
    assert staged.rejected == 0
