"""Any other CSV: SendGrid, Twilio and Datadog invoices, written by hand, through their mappings."""

from __future__ import annotations

import dataclasses
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from costs.bills import mapped_sources
from costs.bills.building import IngestError
from costs.bills.description import UnreadableBill
from costs.bills.mapping import (
    DATE_FORMATS,
    ColumnMapping,
    Mapped,
    guess,
)
from costs.bills.models import SourceMapping
from costs.bills.sampling import Sample, take_sample
from costs.lake.models import BillVersion
from costs.people.models import AuditEntry
from tests.bills.making import FOCUS, NOW, csv_text, ingest, only_version, spent, total, write
from tests.bills.test_focus_traps import reasons, stored

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("data_dir")]

TWILIO = """\
Date,Category,Description,Count,Count Unit,Price,Price Unit,Account SID
2026-01-03,sms-outbound,Outbound SMS,1200,messages,9.00,USD,AC01
2026-01-03,phonenumbers,Phone numbers,3,numbers,3.45,USD,AC01
2026-01-17,sms-outbound,Outbound SMS,800,messages,6.00,USD,AC02
2026-01-31,credit,Goodwill credit,1,,-0.45,USD,AC01
"""
SENDGRID = """\
Invoice Date;Product;Amount;Currency;Units
31.01.2026;Pro 300K;89,95;EUR;1
31.01.2026;Dedicated IP;29,99;EUR;1
31.01.2026;Overage;12,345678;EUR;12345
"""
DATADOG = """\
month,org name,product,usage,cost,env
2026-01,Example,Infra Hosts,42,-966.00,prod
2026-01,Example,Indexed Logs,120,-306.00,prod
2026-01,Example,Synthetics,1000,-5.00,staging
"""


def sample_of(text: str, folder: Path) -> Sample:
    with write(folder / "sample.csv", text).open("rb") as file:
        return take_sample(file)


def mapped(text: str, source: str, folder: Path, **chosen: object) -> SourceMapping:
    """A mapping that is in force."""
    sample = sample_of(text, folder)
    row = mapped_sources.begin(source=source, sample=sample, actor="operator-1", now=NOW)
    mapping = dataclasses.replace(mapped_sources.beginning(row), **chosen)  # type: ignore[arg-type]
    return mapped_sources.save(row.pk, mapping=mapping, seen=0, actor="operator-1", now=NOW)


def twilio(folder: Path) -> SourceMapping:
    return mapped(TWILIO, "twilio", folder, provider="Twilio")


def test_twilio(tmp_path: Path) -> None:
    twilio(tmp_path)
    loaded = ingest(write(tmp_path / "in/usage.csv", TWILIO))

    assert [(one.source, one.format, one.rows, one.billed_cost) for one in loaded] == [
        ("twilio", "mapped-csv", 4, Decimal(18))
    ]
    assert (total(), total("effective_cost")) == (Decimal(18), Decimal(18))
    assert spent("service_name", "day") == {
        ("sms-outbound", "2026-01-03", "USD"): 9,
        ("phonenumbers", "2026-01-03", "USD"): Decimal("3.45"),
        ("sms-outbound", "2026-01-17", "USD"): 6,
        ("credit", "2026-01-31", "USD"): Decimal("-0.45"),
    }
    assert stored("provider_name, billing_account_id, pricing_quantity, pricing_unit")[0] == (
        "Twilio",
        "AC01",
        Decimal(1200),
        "messages",
    )
    assert ingest(write(tmp_path / "in/usage.csv", TWILIO))[0].status == "unchanged"


def test_sendgrid_with_semicolons_and_decimal_commas(tmp_path: Path) -> None:
    mapped(
        SENDGRID,
        "sendgrid",
        tmp_path,
        provider="SendGrid",
    )
    (bill,) = ingest(write(tmp_path / "in/invoice.csv.gz", SENDGRID))

    assert (bill.source, bill.billed_cost, bill.currency) == (
        "sendgrid",
        Decimal("132.285678"),
        "EUR",
    )
    assert spent("day") == {("2026-01-31", "EUR"): Decimal("132.285678")}


def test_datadog_with_whole_months_tags_and_a_minus(tmp_path: Path) -> None:
    mapped(
        DATADOG,
        "datadog",
        tmp_path,
        provider="Datadog",
        date_format="month",
        negative=True,
        fixed_currency="USD",
        account="org name",
        tags=("env",),
    )
    (bill,) = ingest(write(tmp_path / "in/cost.csv", DATADOG))

    assert bill.billed_cost == 1277
    assert spent("environment") == {("production", "USD"): 1272, ("staging", "USD"): 5}
    # Effective cost is spread over the month, billed cost falls on its first day.
    assert spent("day")["2026-01-01", "USD"] == 1277
    days = spent("day", metric="effective_cost")
    assert len(days) == 31
    assert sum(days.values()) == 1277


def test_a_column_for_the_last_day(tmp_path: Path) -> None:
    text = "start,stop,amount\n01/05/2026,01/08/2026,8\n01/20/2026,01/19/2026,1\n"
    mapped(
        text,
        "leases",
        tmp_path,
        date="start",
        end="stop",
        date_format="us",
        cost="amount",
        fixed_currency="USD",
        fixed_service="Lease",
    )
    (bill,) = ingest(write(tmp_path / "in/b.csv", text), accept=True)

    assert (bill.rows, bill.rejected) == (2, 0)
    assert spent("day", metric="effective_cost")["2026-01-08", "USD"] == 2


def test_the_header_in_another_order_is_recognised(tmp_path: Path) -> None:
    twilio(tmp_path)
    lines = [line.split(",") for line in TWILIO.splitlines()]
    turned = "\n".join(",".join(reversed(line)) for line in lines) + "\n"
    (bill,) = ingest(write(tmp_path / "in/usage.csv", turned.replace("Price,", "PRICE,")))

    assert (bill.source, bill.billed_cost) == ("twilio", Decimal(18))


def test_more_columns_need_the_name_of_the_source(tmp_path: Path) -> None:
    twilio(tmp_path)
    wider = "\n".join(f"{line},x{n}" for n, line in enumerate(TWILIO.splitlines())) + "\n"
    file = write(tmp_path / "in/usage.csv", wider)
    with pytest.raises(IngestError, match="no known bill format"):
        ingest(file)

    assert ingest(file, source="twilio")[0].billed_cost == 18


def test_two_mappings_of_one_header_need_a_name(tmp_path: Path) -> None:
    twilio(tmp_path)
    mapped(TWILIO, "twilio-2", tmp_path, provider="Twilio")
    file = write(tmp_path / "in/usage.csv", TWILIO)

    with pytest.raises(IngestError, match="the mappings of twilio, twilio-2 fit it"):
        ingest(file)
    assert ingest(file, source="twilio-2")[0].source == "twilio-2"


def test_known_formats_are_read_as_before(tmp_path: Path) -> None:
    twilio(tmp_path)
    (bill,) = ingest(write(tmp_path / "in/b.csv", [FOCUS]), source="twilio")

    assert (bill.format, bill.source) == ("focus", "twilio")


def test_semicolons_without_a_mapping_are_refused_with_a_hint(tmp_path: Path) -> None:
    with pytest.raises(IngestError, match=r"it seems to use ';', which a column mapping can read"):
        ingest(write(tmp_path / "b.csv", SENDGRID))


@pytest.mark.parametrize(
    ("cost", "comma"),
    [
        ("1.234,56", True),
        ("1,234.56", False),
        ("12.50", True),
        ("12,50", False),
        ("€ 12", True),
        ("1_000", False),
    ],
)
def test_a_separator_or_a_sign_is_a_reject_and_not_a_guess(
    tmp_path: Path, cost: str, comma: bool
) -> None:
    text = f'day,amount\n2026-01-05,1\n2026-01-06,"{cost}"\n'
    chosen = {"fixed_currency": "USD", "fixed_service": "All", "decimal_comma": comma}
    mapped(text, "other", tmp_path, date="day", cost="amount", **chosen)

    (found,) = reasons(write(tmp_path / "in/b.csv", text))
    assert (found[0], found[1], found[3]) == (3, "amount", cost)


@pytest.mark.parametrize("name", DATE_FORMATS)
def test_every_date_format_reads_its_example(tmp_path: Path, name: str) -> None:
    written = DATE_FORMATS[name][0].partition(",")[0] if name == "iso" else DATE_FORMATS[name][0]
    written = written.partition(":")[0]
    text = f'day,amount\n"{written}",1\n'
    chosen = {"date_format": name, "fixed_currency": "USD", "fixed_service": "All"}
    mapped(text, "other", tmp_path, date="day", cost="amount", **chosen)
    ingest(write(tmp_path / "in/b.csv", text))

    day = "2026-01-01" if "month" in name else "2026-01-31"
    assert {key: cost for key, cost in spent("day").items() if cost} == {(day, "USD"): 1}


def test_an_edited_mapping_reads_the_same_file_anew(tmp_path: Path) -> None:
    row = twilio(tmp_path)
    file = write(tmp_path / "in/usage.csv", TWILIO)
    ingest(file)
    mapping = dataclasses.replace(mapped_sources.beginning(row), service="Description")
    mapped_sources.save(row.pk, mapping=mapping, seen=1, actor="operator-2", now=NOW)

    assert ingest(file)[0].status == "restated"
    assert ("Outbound SMS", "USD") in spent("service_name")
    assert BillVersion.objects.count() == 2
    entry = AuditEntry.objects.filter(action="mapping.saved").first()
    assert entry is not None
    assert entry.detail["changed"] == {"service": ["Category", "Description"]}


def test_two_people_save_at_once(tmp_path: Path) -> None:
    row = twilio(tmp_path)
    mapping = mapped_sources.beginning(row)
    with pytest.raises(mapped_sources.Overtaken):
        mapped_sources.save(row.pk, mapping=mapping, seen=0, actor="operator-2", now=NOW)
    with pytest.raises(mapped_sources.Overtaken):
        mapped_sources.remove(row.pk, seen=0, actor="operator-2", now=NOW)
    with pytest.raises(ValueError, match="twilio has a mapping already"):
        twilio(tmp_path)


def test_a_mapping_that_is_not_saved_reads_nothing(tmp_path: Path) -> None:
    sample = sample_of(TWILIO, tmp_path)
    mapped_sources.begin(source="twilio", sample=sample, actor="operator-1", now=NOW)

    with pytest.raises(IngestError, match="no known bill format"):
        ingest(write(tmp_path / "in/usage.csv", TWILIO))


def test_preview_shows_charges_and_names_errors(tmp_path: Path) -> None:
    text = TWILIO + "2026-01-32,sms,x,1,m,1,USD,AC\n2026-01-09,sms,x,1,m,$1,USD,AC\n"
    sample = sample_of(text, tmp_path)
    row = mapped_sources.begin(source="twilio", sample=sample, actor="a", now=NOW)
    preview = mapped_sources.preview(mapped_sources.beginning(row), sample)

    assert [(one.row, one.cost, one.service) for one in preview.charges][:2] == [
        (2, Decimal(9), "sms-outbound"),
        (3, Decimal("3.45"), "phonenumbers"),
    ]
    assert [(one.row, one.column, one.value) for one in preview.rejects] == [
        (6, "Date", "2026-01-32"),
        (7, "Price", "$1"),
    ]
    assert not BillVersion.objects.exists()


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "the file is empty"),
        (b"a,b\n", "there are no rows"),
        (b"a\n1\n", "no commas"),
        (b"PAR1xxxx", "this is Parquet"),
        (b"a,a\n1,2\n", "twice"),
        (b"\xff\xfea\x00", "UTF-16"),
    ],
)
def test_what_cannot_be_a_sample(tmp_path: Path, content: bytes, why: str) -> None:
    with (
        write(tmp_path / "b.csv", content).open("rb") as file,
        pytest.raises(UnreadableBill, match=why),
    ):
        take_sample(file)


def test_a_sample_is_short(tmp_path: Path) -> None:
    text = "day,note\n" + "".join(f"2026-01-05,{'x' * 5000}\n" for _ in range(2000))
    sample = sample_of(text, tmp_path)

    assert len(sample.rows) == 20
    assert len(sample.rows[0][1]) == 200
    assert Sample.from_json(sample.as_json()) == sample


@pytest.mark.parametrize(
    ("chosen", "field"),
    [
        ({"date": ""}, "date"),
        ({"cost": "gone"}, "cost"),
        ({"currency": "", "fixed_currency": "US"}, "fixed_currency"),
        ({"service": "", "fixed_service": " "}, "fixed_service"),
        ({"provider": " "}, "provider"),
        ({"date_format": "odd"}, "date_format"),
        ({"tags": ("gone",)}, "tags"),
        ({"cost": "Date"}, "cost"),
    ],
)
def test_problems_are_named_by_field(tmp_path: Path, chosen: dict[str, object], field: str) -> None:
    sample = sample_of(TWILIO, tmp_path)
    row = mapped_sources.begin(source="twilio", sample=sample, actor="a", now=NOW)
    mapping = dataclasses.replace(mapped_sources.beginning(row), **chosen)  # type: ignore[arg-type]

    assert set(mapping.problems()) == {field}
    with pytest.raises(ValueError, match=r"\."):
        mapped_sources.save(row.pk, mapping=mapping, seen=0, actor="a", now=NOW)


def test_guesses() -> None:
    assert guess(["Invoice Date", "Net amount", "Currency code", "Thing"]) == {
        "date": "Invoice Date",
        "cost": "Net amount",
        "currency": "Currency code",
    }


names = st.text(
    st.characters(codec="utf-8", exclude_characters="\r\n\x00"), min_size=1, max_size=12
)


@settings(max_examples=20)
@given(
    values=st.lists(
        st.tuples(st.decimals(-9_999, 9_999, places=4), st.text(max_size=8)), min_size=1, max_size=8
    ),
    names=st.lists(names.filter(lambda name: name.strip()), min_size=3, max_size=3).filter(
        lambda found: len({one.strip().lower() for one in found}) == 3
    ),
    comma=st.booleans(),
)
def test_whatever_columns_and_values_are_called_the_sum_is_theirs(
    values: list[tuple[Decimal, str]], names: list[str], comma: bool
) -> None:
    """Names and values of strangers become text in SQL, never SQL."""
    rows = [
        (
            "2026-01-05",
            f"{cost:f}".replace(".", ",") if comma else f"{cost:f}",
            text.replace("\x00", "").replace("\r", " ").replace("\n", " "),
        )
        for cost, text in values
    ]
    header = tuple(f"{nth} {name}" for nth, name in enumerate(names))
    sample = Sample(header, tuple(rows), ",")
    mapping = ColumnMapping(
        header=header,
        provider="O'Neil \\ Sons",
        date=header[0],
        cost=header[1],
        decimal_comma=comma,
        fixed_currency="USD",
        service=header[2],
        fixed_service="it's",
        resource=header[2],
        tags=(header[2],),
    )
    preview = mapped_sources.preview(mapping, sample)

    assert not preview.problem
    assert not preview.rejects
    assert sum((one.cost for one in preview.charges), Decimal(0)) == sum(
        (cost for cost, _ in values), Decimal(0)
    )
    assert ColumnMapping.from_json(mapping.as_json()) == mapping
    assert Mapped(mapping, 1).name == "mapped-csv"


def test_the_notes_of_a_mapped_bill(tmp_path: Path) -> None:
    twilio(tmp_path)
    ingest(write(tmp_path / "in/usage.csv", csv_text([dict(zip(*_two_lines(), strict=True))])))

    assert only_version().notices == []


def _two_lines() -> tuple[list[str], list[str]]:
    first, second = TWILIO.splitlines()[:2]
    return first.split(","), second.split(",")
