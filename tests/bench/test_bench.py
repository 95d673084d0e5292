"""Each benchmark runs in a tiny size, and its findings have the shape that scripts rely on."""

import gzip
import json
from pathlib import Path

import pytest

import bench.__main__ as command
from bench import (
    first_page,
    forecast,
    ingest,
    ingest_cur,
    reallocation,
    restatement,
    review,
    serve_memory,
    workers,
)
from bench.cur_file import COLUMNS, write_report
from bench.focus_file import write_bill
from bench.results import Result, against, at_most, table, write

KEYS = {"name", "value", "unit", "baseline", "ratio", "goal", "met"}


def test_results_are_written_as_agreed(tmp_path: Path) -> None:
    results = [against("slow", 3.2, "s", 2, 1.5), at_most("light", 399.9, "MB", 400)]
    file = tmp_path / "results.json"
    write(results, file)
    document = json.loads(file.read_text())
    assert list(document) == ["results"]
    assert all(set(one) == KEYS for one in document["results"])
    assert [(one["ratio"], one["met"]) for one in document["results"]] == [
        (1.6, False),
        (None, True),
    ]


def test_table_has_a_line_for_each_result() -> None:
    text = table([against("slow", 3.2, "s", 2, 1.5), at_most("light", 399.9, "MB", 400)])
    assert [line.split()[0] for line in text.splitlines()] == ["benchmark", "slow", "light"]
    assert "NO" in text


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_made_up_bill_is_the_same_every_time(kind: str, tmp_path: Path) -> None:
    for nth in range(2):
        write_bill(tmp_path / f"{nth}.{kind}", 500, threads=1)
    first, second = ((tmp_path / f"{nth}.{kind}").read_bytes() for nth in range(2))
    assert first == second


def test_ingest_runs_small() -> None:
    results = ingest.run(2_000, rounds=1)
    assert names(results) == [
        "ingest_focus_parquet",
        "ingest_focus_parquet_peak",
        "ingest_focus_csv",
        "ingest_focus_csv_peak",
    ]


def test_forecast_runs_small() -> None:
    assert "forecast_500_series" in names(forecast.run(20))


def test_ingest_of_a_cur_runs_small() -> None:
    results = ingest_cur.run(2_000, rounds=1)
    assert names(results) == ["ingest_cur_csv_gz", "ingest_cur_csv_gz_peak"]


def test_made_up_report_is_as_wide_as_real_ones(tmp_path: Path) -> None:
    for nth in range(2):
        write_report(tmp_path / f"{nth}.csv.gz", 300, threads=1)
    first, second = (gzip.decompress((tmp_path / f"{nth}.csv.gz").read_bytes()) for nth in range(2))
    assert first == second
    assert first.count(b"\n") == 301
    assert len(first.splitlines()[0].split(b",")) == COLUMNS


def test_reallocation_runs_small() -> None:
    results = reallocation.run(2_000, rounds=1)
    assert names(results) == ["reallocate_2m", "reallocate_peak"]


def test_restatement_runs_small() -> None:
    results = restatement.run(4_000, rounds=1)
    assert names(results) == ["restatement_diff", "restatement_diff_peak"]


def test_review_runs_small() -> None:
    results = review.run(90, requests=3, rounds=1)
    assert names(results) == [
        "review_12_months",
        "review_36_months",
        "review_12_months_kept",
        "review_36_months_kept",
    ]


def test_first_page_is_measured(chromium: str) -> None:
    assert names(first_page.run(90, rounds=1)) == ["first_page", "first_page_ready"]


def test_workers_run_small() -> None:
    assert names(workers.run(4_000, rounds=1)) == ["two_workers_8_files"]


def test_serve_is_measured() -> None:
    (result,) = serve_memory.run(demo=False)
    assert result.value > 50  # both processes, each with Django in it


def test_unknown_benchmark_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["nonsense"]) == 2
    assert "nonsense" in capsys.readouterr().err


def names(results: list[Result]) -> list[str]:
    assert all(result.value > 0 for result in results)
    return [result.name for result in results]
