"""Loads the demo estate into the data folder, through the same readers as any bill."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from pathlib import Path

from django.contrib.auth.models import Group, User

from costs.bills.operations import ingest_bill
from costs.budgets.anomaly_operations import watch
from costs.demo.estate import write_estate
from costs.lake.models import Delivery, Source
from costs.people.roles import ADMINISTRATOR

ACTOR = "demo"


class NotADemo(ValueError):
    """The data folder holds bills that are not the demo's; nothing was touched."""


@dataclass(frozen=True)
class Loaded:
    """How many of the estate's deliveries were new."""

    deliveries: int
    new: int


def load_demo(
    data_dir: Path, *, as_of: date, now: datetime, progress: Callable[[str, float], None]
) -> Loaded:
    """Write the estate as it stands on ``as_of`` and ingest what has not come yet.

    The same ``as_of`` again changes nothing. Raises :class:`NotADemo` where other sources are.
    """
    folder = data_dir / "demo"
    foreign = Delivery.objects.exclude(delivered_by=ACTOR).first()
    if foreign or (Source.objects.exists() and not folder.exists()):
        name = foreign.file_name if foreign else Source.objects.values_list("name", flat=True)[0]
        raise NotADemo(
            f"{data_dir} holds bills that are not the demo's ({name});"
            " choose another folder with HEADROOM_DATA_DIR"
        )
    progress("writing the estate", 0)
    written = folder / "new"
    shutil.rmtree(written, ignore_errors=True)
    estate = write_estate(written, as_of)
    final = folder / "deliveries"
    shutil.rmtree(final, ignore_errors=True)
    written.rename(final)
    new = 0
    for nth, delivery in enumerate(estate.deliveries):
        path = final / delivery.path.relative_to(written)
        progress(f"reading {path.parent.name}/{path.name}", nth / len(estate.deliveries))
        new += _ingest(path, delivery.delivered_on, now)
    progress("looking for what stands out", 1)
    watch(as_of, now=now)
    return Loaded(len(estate.deliveries), new)


def _ingest(path: Path, delivered_on: date, now: datetime) -> bool:
    """Ingest one delivery unless its content came before; whether it was new."""
    import hashlib

    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if Delivery.objects.filter(digest=digest).exists():
        return False
    arrived = min(now, datetime.combine(delivered_on, time(6), UTC))
    # Live since then, as it would be if this had been here all the time.
    ingest_bill([path], actor=ACTOR, now=arrived, accept=False)
    return True


def demo_sign_in(data_dir: Path) -> tuple[str, str]:
    """The demo's user name and password; made once and kept in the data folder (mode 600)."""
    kept = data_dir / "demo" / "sign-in"
    kept.parent.mkdir(parents=True, exist_ok=True)
    if not kept.exists():
        kept.touch(mode=0o600)
        kept.write_text(secrets.token_urlsafe(9))
    password = kept.read_text().strip()
    user, _ = User.objects.get_or_create(username="demo")
    if not user.check_password(password):
        user.set_password(password)
        user.save()
    user.groups.add(Group.objects.get(name=ADMINISTRATOR))
    return user.username, password
