"""A process that sends from an outbox of its own; the parent kills it (test_mail_faults).

``python -m tests.alerts.sending queue|deliver|later``: prints what it did as JSON.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta

import django

NOW = datetime(2026, 11, 20, 9, tzinfo=UTC)


def main(what: str) -> None:
    django.setup()
    from costs.alerts.models import OutboxMessage, Recipient
    from costs.alerts.operations import outbox
    from costs.alerts.operations.digesting import write_test
    from costs.cli import prepare_database

    if what == "queue":
        prepare_database()
        made = Recipient.objects.create(
            name="Team", way="mail", address="team@example.com", created_at=NOW
        )
        write_test(made.pk, actor="tester", now=NOW)
    if what == "deliver":
        outbox.deliver(lambda: NOW)
    if what == "later":
        outbox.give_up(NOW + timedelta(minutes=10))
        outbox.deliver(lambda: NOW + timedelta(minutes=10))
    rows = OutboxMessage.objects.values("pk", "state", "said", "message_id", "attempts")
    print(json.dumps(list(rows)))


if __name__ == "__main__":
    main(sys.argv[1])
