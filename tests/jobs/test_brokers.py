"""Months of bills end to end, with real workers, over each kind of broker."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from costs import serving
from costs.bills.spreading import LARGE, STAGE
from costs.jobs.models import JobRun
from costs.lake.models import BillVersion
from tests.bills.making import csv_text, focus, spent
from tests.jobs.conftest import OwnRedis, purge, waiting
from tests.jobs.processes import Asking, Processes, ended, until

BROKERS = ["filesystem", "rabbitmq", "redis"]
type Start = Callable[[str], Processes]


def month(number: int, cost: str, rows: int = 20) -> str:
    """A bill of a month of 2026."""
    period = {
        "BillingPeriodStart": f"2026-{number:02d}-01T00:00:00Z",
        "BillingPeriodEnd": f"2026-{number + 1:02d}-01T00:00:00Z",
        "ChargePeriodStart": f"2026-{number:02d}-05T00:00:00Z",
        "ChargePeriodEnd": f"2026-{number:02d}-06T00:00:00Z",
    }
    return csv_text([focus(BilledCost=cost, ResourceId=f"vm-{n}", **period) for n in range(rows)])


def large_part(nth: int, rows: int) -> str:
    """Part of a bill of April, with the same text in every row but the resource."""
    head, row, *_ = month(4, "0.25", rows=1).splitlines()
    return "\n".join([head, *(row.replace("vm-0", f"vm-{nth}-{n}") for n in range(rows))]) + "\n"


@pytest.mark.parametrize("broker", BROKERS, indirect=True)
def test_months_end_to_end(broker: str, processes: Start) -> None:
    started = processes(broker)
    started.start(serving.short_worker_command())
    started.start(serving.long_worker_command(2))
    ask = Asking(started)
    rows = LARGE // 4 // len(large_part(0, 1).splitlines()[1]) + 1

    runs = [
        *(ask.upload({"bill.csv": month(number, f"1.{number}")}) for number in (1, 2, 3)),
        # The same month twice at once: one after the other, never two.
        *(ask.upload({"bill.csv": month(5, cost)}) for cost in ("2.5", "2.75")),
        ask.upload({f"part-{nth}.csv": large_part(nth, rows) for nth in range(4)}),
    ]

    done = ended(*runs)
    assert [(run.state, run.error) for run in done] == [("done", "")] * 6, started.said()
    parts = JobRun.objects.filter(kind=STAGE)
    assert [part.state for part in parts] == ["done"] * 4
    # Whoever had the whole read some of it, the other process the rest.
    assert len({run.worker for run in [*done, *parts]}) == 2
    live = BillVersion.objects.filter(status="live")
    assert sorted(f"{one.billing_period:%m}" for one in live) == ["01", "02", "03", "04", "05"]
    results = [run.result or {} for run in done[3:5]]
    assert sorted(bill["status"] for result in results for bill in result["bills"]) == [
        "loaded",
        "restated",
    ]
    costs = spent("billing_period")
    assert costs.pop(("2026-05", "USD")) in (50, 55)
    assert sorted(costs.values()) == [22, 24, 26, Decimal("0.25") * 4 * rows]


@pytest.mark.parametrize("broker", ["rabbitmq"], indirect=True)
def test_messages_lost_at_rabbitmq_cost_a_minute(broker: str, processes: Start) -> None:
    started = processes(broker)
    ask = Asking(started)
    run = ask.upload({"bill.csv": month(1, "1.5")})
    assert until(lambda: waiting(broker), "the message waited") == 1
    purge(broker)
    started.start(serving.long_worker_command(1))
    assert ask("sweep", seconds=30) == 0
    assert ask("sweep", seconds=61) == 1
    (run,) = ended(run)
    assert (run.state, run.attempt) == ("done", 1)
    assert sum(spent().values()) == 30


def test_a_broker_that_is_away_and_forgets_everything_costs_a_minute(
    own_redis: OwnRedis, processes: Start
) -> None:
    started = processes(own_redis.url)
    ask = Asking(started)
    started.start(serving.long_worker_command(1))
    (first,) = ended(ask.upload({"bill.csv": month(1, "1.5")}))
    assert first.state == "done"

    own_redis.kill()
    asked = timezone.now()
    away = ask.upload({"bill.csv": month(2, "2.5")})  # nobody hears of it
    assert away.state == "queued"
    assert timezone.now() - asked < timedelta(seconds=30)
    assert "queue unreachable" in started.said()
    own_redis.start()

    def done_by_now() -> bool:
        """The schedule comes again and again, here each second instead of each minute."""
        JobRun.objects.filter(pk=away.pk).update(rung_at=None)
        ask("sweep", seconds=0)
        time.sleep(1)
        return not JobRun.objects.get(pk=away.pk).is_open

    until(done_by_now, "the worker had found its broker again")
    (away,) = ended(away)
    assert (away.state, away.attempt) == ("done", 1)
    assert sum(spent().values()) == 30 + 50
