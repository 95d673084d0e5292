"""Connecting a cloud in a browser: a permission is missing, is granted, and the bills come."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
from django.contrib.auth.models import Group, User
from django.db import connections
from playwright.sync_api import Page, expect

from costs.bills.policies import aws_policy
from costs.jobs import operations as jobs
from costs.jobs.models import JobRun
from costs.people.operations import install_roles
from costs.people.roles import OPERATOR
from tests.bills.clouds.conftest import BUCKET, Aws, grant
from tests.bills.clouds.test_s3 import three_months
from tests.browser.conftest import NewPage

type Axe = Callable[[Page], list[str]]


@pytest.fixture
def operator(transactional_db: None, data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> User:
    """Somebody who connects clouds; a worker is there and takes its time."""

    def ring(run: JobRun, *, now: datetime) -> None:
        def work() -> None:
            jobs.run(run.pk)
            connections.close_all()

        threading.Timer(0.3, work).start()

    monkeypatch.setattr(jobs, "ring", ring)
    install_roles()
    user = User.objects.create_user("operator")
    user.groups.add(Group.objects.get(name=OPERATOR))
    return user


def test_from_the_first_page_to_the_first_bills(
    new_page: NewPage, operator: User, aws: Aws, monkeypatch: pytest.MonkeyPatch, axe: Axe
) -> None:
    three_months(aws)
    policy = aws_policy(bucket=BUCKET)
    allowed = grant(aws, monkeypatch)
    allowed({**policy, "Statement": policy["Statement"][:1]})
    try:
        page = new_page(user=operator)
        page.goto("/")
        page.get_by_role("link", name="Connect a cloud").click()
        page.get_by_role("link", name="Choose AWS exports in S3").click()
        page.get_by_label("Name").fill("aws-main")
        page.get_by_label("Bucket").fill(BUCKET)
        page.get_by_label("Prefix").fill("cur/")
        page.get_by_role("button", name="Test").click()

        expect(page.get_by_role("heading", name="It does not work yet")).to_be_visible()
        check = page.locator("#check")
        expect(check).to_contain_text("s3:ListBucket granted")
        expect(check).to_contain_text("s3:GetObject denied")
        expect(check).to_contain_text("arn:aws:s3:::example-billing/cur/*")
        expect(page.get_by_label("Bucket")).to_have_value(BUCKET)
        assert axe(page) == []

        allowed(policy)
        page.get_by_role("button", name="Test").click()
        expect(page.get_by_role("heading", name="It works")).to_be_visible()
        expect(check).to_contain_text("3 deliveries found, 2026-01 to 2026-03.")
        page.get_by_role("button", name="Save and fetch").click()

        expect(page.get_by_role("heading", level=1)).to_have_text(
            "aws-main is up to date", timeout=30_000
        )
        brought = page.get_by_role("region", name="What it has brought")
        expect(brought.get_by_role("row")).to_have_count(4)
        assert axe(page) == []
        narrow = new_page("narrow-dark", user=operator)
        narrow.goto("/bills/connections/")
        expect(narrow.get_by_role("heading", level=1)).to_have_text("1 connection brings its bills")
        assert narrow.evaluate("document.documentElement.scrollWidth") <= 390
        assert axe(narrow) == []
        brought.get_by_role("link", name="aws-111122223333-cur").first.click()
        expect(page.get_by_role("heading", level=1)).to_contain_text("March 2026: 28.00 USD billed")
    finally:
        aws.moto("reset-auth", b"inf")


def test_without_scripts_it_is_the_same(
    new_page: NewPage, operator: User, aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    three_months(aws)
    page = new_page(user=operator, javascript=False)
    page.goto("/bills/connections/new/aws-s3/")
    page.get_by_label("Name").fill("aws-main")
    page.get_by_label("Bucket").fill("elsewhere-billing")
    page.get_by_role("button", name="Test").click()
    # The page asks anew by itself until the test is over.
    expect(page.locator("#check")).to_contain_text("elsewhere-billing does not exist")
    page.get_by_label("Bucket").fill(BUCKET)
    page.get_by_role("button", name="Save and fetch").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(
        "aws-main is up to date", timeout=30_000
    )
