"""The pages of exchange rates over HTTP: roles, locking, bad input, a file, what is missing."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction

import pytest
from django.contrib.auth.models import Group, User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from costs.money import exact_sum
from costs.people.models import AuditEntry
from costs.people.roles import OPERATOR, VIEWER
from costs.people.scope import Scope
from costs.spend.models import DisplayCurrencyChange, RateChange
from costs.spend.pinning import Overtaken, set_display_currency, set_rate
from costs.spend.queries import charges_by_month, display_currency, rates
from tests.spend.test_ecb import file

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
ALL = Scope.everything()
OCTOBER = date(2026, 10, 1)


def signed_in(role: str, name: str = "") -> Client:
    user = User.objects.create_user(name or role)
    user.groups.add(Group.objects.get(name=role))
    client = Client()
    client.force_login(user)
    return client


@pytest.fixture
def operator(lake: None, monkeypatch: pytest.MonkeyPatch) -> Client:
    monkeypatch.setattr(timezone, "now", lambda: NOW)
    return signed_in(OPERATOR)


def show_in(currency: str) -> None:
    set_display_currency(actor="op", currency=currency, why="We report in it.", now=NOW)


def pin(month: date, value: str | None, base: str = "EUR", quote: str = "USD") -> None:
    set_rate(
        actor="op",
        month=month,
        base=base,
        quote=quote,
        value=None if value is None else Decimal(value),
        why="From the bank.",
        now=NOW,
    )


def posted(client: Client, **changed: str) -> dict[str, str]:
    page = client.get("/currencies/rate/?month=2026-10&base=EUR&quote=USD")
    initial = {name: str(value) for name, value in page.context["form"].initial.items()}
    return {**initial, "value": "1.08", "why": "From the bank.", **changed}


def test_nothing_is_set_at_first(operator: Client) -> None:
    page = operator.get("/currencies/")
    assert "Costs are shown as billed, in EUR and USD" in page.text
    assert "Bills come in EUR, USD" in page.text
    assert display_currency(ALL) == ""


def test_what_has_no_rate_is_named_until_it_has_one(operator: Client) -> None:
    show_in("EUR")
    page = operator.get("/currencies/")
    cost = next(
        one.amount
        for one in charges_by_month(ALL)
        if (one.currency, one.month) == ("USD", date(2026, 11, 1))
    )
    assert f"USD {cost:,.2f} of November 2026 has no rate into EUR, nor 3 more" in page.text
    for month in (8, 9, 10, 11):
        response = operator.post("/currencies/rate/", posted(operator, month=f"2026-{month:02}"))
        assert response.status_code == 302, month
    page = operator.get("/currencies/")
    assert "Every cost can be shown in EUR" in page.text
    assert not page.context["table"].missing
    assert RateChange.objects.count() == 4
    assert AuditEntry.objects.filter(action="rate.set").count() == 4


def test_a_pair_through_the_euro_asks_for_what_is_missing(operator: Client) -> None:
    show_in("CAD")
    pin(OCTOBER, "1.08")
    october = [
        (one.base, one.quote)
        for one in operator.get("/currencies/").context["table"].missing
        if one.amount.month == OCTOBER and one.amount.currency == "USD"
    ]
    assert october == [("EUR", "CAD")]


def test_the_second_of_two_sees_the_first_and_loses_nothing(operator: Client) -> None:
    second = signed_in(OPERATOR, "second")
    pin(OCTOBER, "1.05")
    theirs, mine = posted(operator, value="1.07"), posted(second, value="1.09")
    assert operator.post("/currencies/rate/", theirs).status_code == 302
    response = second.post("/currencies/rate/", mine)
    assert response.status_code == 409
    assert ("rate", "1.07", "1.09") in response.context["conflict"].fields
    assert 'value="1.09"' in response.text
    assert RateChange.objects.count() == 2
    again = {**mine, "seen": str(response.context["seen"])}
    assert second.post("/currencies/rate/", again).status_code == 302
    newest = RateChange.objects.latest("pk")
    assert newest.previous is not None
    assert newest.previous.value == Decimal("1.07")


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"value": "1,08"}, "value"),
        ({"value": "-1"}, "value"),
        ({"value": "NaN"}, "value"),
        ({"value": "0"}, "value"),
        ({"value": "1" * 30}, "value"),
        ({"month": "2026-13"}, "month"),
        ({"month": ""}, "month"),
        ({"base": "E1"}, "base"),
        ({"base": "USD"}, "quote"),
        ({"quote": "<b>"}, "quote"),
        ({"why": " "}, "why"),
        ({"seen": "x"}, "seen"),
    ],
)
def test_what_cannot_be_is_said_at_its_field(
    operator: Client, changed: dict[str, str], field: str
) -> None:
    response = operator.post("/currencies/rate/", posted(operator, **changed))
    assert response.status_code == 422
    assert field in response.context["form"].errors
    assert not RateChange.objects.exists()


def test_nonsense_in_the_address_of_a_form_is_no_error(operator: Client) -> None:
    page = operator.get("/currencies/rate/?month=%00&base=<script>&quote=EURO&else=1")
    assert page.status_code == 200
    assert "<script>&" not in page.text


def test_a_rate_can_be_taken_away_and_history_tells(operator: Client) -> None:
    pin(OCTOBER, "1.05")
    pin(OCTOBER, None, "USD", "EUR")
    assert not rates(ALL)
    page = operator.get("/currencies/")
    assert "no rate for USD in EUR" in page.text
    assert "1 EUR = 1.05 USD" in page.text
    for row in (RateChange.objects.get(value="1.05"), DisplayCurrencyChange(currency="EUR")):
        with pytest.raises(TypeError):
            row.delete()
    with pytest.raises(TypeError):
        RateChange.objects.all().update(value=Decimal(1))
    with pytest.raises(TypeError):
        RateChange.objects.get(value="1.05").save()


def test_only_operators_change_rates(lake: None) -> None:
    viewer = signed_in(VIEWER)
    assert viewer.get("/currencies/").status_code == 200
    for path in ("rate", "display", "import"):
        assert viewer.get(f"/currencies/{path}/").status_code == 403
        assert viewer.post(f"/currencies/{path}/", {}).status_code == 403
    assert "Import a file" not in viewer.get("/currencies/").text
    assert Client().get("/currencies/").status_code == 302


def test_the_display_currency_is_edited_with_its_history(operator: Client) -> None:
    form = {"currency": "eur", "why": "We report in it.", "seen": "0"}
    assert operator.post("/currencies/display/", form).status_code == 302
    assert display_currency(ALL) == "EUR"
    overtaken = operator.post("/currencies/display/", {**form, "currency": "CAD"})
    assert overtaken.status_code == 409
    assert ("currency", "EUR", "CAD") in overtaken.context["conflict"].fields
    wrong = operator.post("/currencies/display/", {**form, "currency": "e1"})
    assert wrong.status_code == 422
    newest = DisplayCurrencyChange.objects.latest("pk").pk
    back = {**form, "currency": "", "seen": str(newest)}
    assert operator.post("/currencies/display/", back).status_code == 302
    assert display_currency(ALL) == ""
    assert AuditEntry.objects.filter(action="display_currency.set").count() == 2


def uploaded(text: str, name: str = "eurofxref-hist.csv") -> dict[str, object]:
    return {"file": SimpleUploadedFile(name, text.encode())}


def test_a_file_is_previewed_and_then_set(operator: Client) -> None:
    show_in("EUR")
    pin(OCTOBER, "1.05")
    text = file(date(2026, 7, 31), date(2026, 11, 20))
    preview = operator.post("/currencies/import/", uploaded(text))
    assert preview.status_code == 200
    assert not RateChange.objects.filter(origin__startswith="ECB").exists()
    found = [(one.found.month.start, one.found.currency) for one in preview.context["changed"]]
    assert found == [(date(2026, month, 1), "USD") for month in (11, 10, 9, 8)]
    assert "July 2026: the file begins on 2026-07-31" in preview.text
    assert "1 EUR = 1.05 USD" in preview.text
    agreed = {
        "found": preview.context["form"].initial["found"],
        "why": preview.context["form"].initial["why"],
    }
    assert operator.post("/currencies/import/", agreed).status_code == 302
    page = operator.get("/currencies/")
    assert not page.context["table"].missing
    assert "so far" in page.text
    october = RateChange.objects.filter(month=OCTOBER).latest("pk")
    assert october.previous is not None
    assert october.why == "ECB reference rates, eurofxref-hist.csv"
    assert AuditEntry.objects.filter(action="rates.imported").count() == 1
    # Whoever agrees to a preview that others have overtaken sets nothing.
    assert operator.post("/currencies/import/", agreed, follow=True).status_code == 200
    assert RateChange.objects.count() == 5
    again = operator.post("/currencies/import/", uploaded(text))
    assert "Nothing in this file is new" in again.text
    assert again.context["same"] == 4


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "The file is empty"),
        (b"PK\x03\x04zip", "zip archive"),
        (b"\xff\xfe\x00", "no UTF-8 text"),
        (b"Date,USD\n2026-10-01,abc\n", "row 2, column USD"),
        (b"Day;USD\n", "row 1, column 1"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(operator: Client, content: bytes, said: str) -> None:
    response = operator.post(
        "/currencies/import/", {"file": SimpleUploadedFile("rates.csv", content)}
    )
    assert response.status_code == 422
    assert said in response.text
    assert not RateChange.objects.exists()


def test_a_preview_that_was_tampered_with_sets_nothing(operator: Client) -> None:
    response = operator.post("/currencies/import/", {"found": "x:y:z", "why": "x"}, follow=True)
    assert "choose the file once more" in response.text
    assert not RateChange.objects.exists()


def test_files(operator: Client) -> None:
    show_in("EUR")
    pin(OCTOBER, "1.05")
    text = b"".join(operator.get("/currencies/rates.csv")).decode()
    rows = list(csv.DictReader(io.StringIO(text)))
    assert (rows[0]["month"], rows[0]["rate"], rows[0]["origin"]) == ("2026-10", "1.05", "typed")
    missing = [row for row in rows if row["origin"] == "missing"]
    assert [row["month"] for row in missing] == ["2026-08", "2026-09", "2026-11"]
    assert {row["unconverted_currency"] for row in missing} == {"USD"}
    set_rate(
        actor="=cmd()",
        month=OCTOBER,
        base="EUR",
        quote="USD",
        value=Decimal("1.06"),
        why="@why",
        now=NOW,
    )
    history = b"".join(operator.get("/currencies/history.csv")).decode()
    first = next(csv.DictReader(io.StringIO(history)))
    assert (first["set_by"], first["why"]) == ("'=cmd()", "'@why")
    assert first["before"] == "1 EUR = 1.05 USD"


def test_queries_do_not_grow_with_rates(operator: Client) -> None:
    def count() -> int:
        operator.get("/currencies/")
        with CaptureQueriesContext(connection) as found:
            operator.get("/currencies/")
        return len(found)

    show_in("EUR")
    pin(OCTOBER, "1.05")
    few = count()
    for month in range(1, 13):
        pin(date(2025, month, 1), "1.1")
        pin(date(2025, month, 1), "1.5", quote="CAD")
    assert count() == few


def test_show_costs_can_say_it_in_another_currency(
    lake: None, capsys: pytest.CaptureFixture[str]
) -> None:
    def shown(*arguments: str) -> dict[str, object]:
        call_command("show_costs", "--by", "environment", "--json", *arguments)
        return dict(json.loads(capsys.readouterr().out))

    plain = shown()
    for month in (8, 9, 11):
        pin(date(2026, month, 1), "2")
    found = shown("--currency", "eur")
    converted = found.pop("converted")
    assert isinstance(converted, dict)
    rows = found["rows"]
    assert isinstance(rows, list)
    there = exact_sum(Decimal(row.pop("converted_cost")) for row in rows)
    left = {
        (row["environment"], row["currency"]): Decimal(row.pop("unconverted_cost")) for row in rows
    }
    assert found == plain
    assert there == Decimal(converted["cost"])
    (missing,) = converted["missing"]
    assert (missing["currency"], missing["month"]) == ("USD", "2026-10")
    assert left["production", "EUR"] == 0 < left["production", "USD"] < Decimal(missing["cost"])
    assert exact_sum(left.values()) == Decimal(missing["cost"])
    total = {row["currency"]: Decimal(row["cost"]) for row in plain["totals"]}  # type: ignore[attr-defined]
    expected = Fraction(total["USD"]) - Fraction(missing["cost"])
    expected = expected / 2 + Fraction(total["EUR"])
    # One rounding at 1e-18 for each month.
    assert abs(Fraction(converted["cost"]) - expected) <= Fraction(3, 2 * 10**18)


def test_overtaken_is_an_error_of_its_own(lake: None) -> None:
    pin(OCTOBER, "1.05")
    with pytest.raises(Overtaken):
        set_rate(
            actor="op",
            month=OCTOBER,
            base="USD",
            quote="EUR",
            value=Decimal(1),
            why="x",
            now=NOW,
            seen=0,
        )
