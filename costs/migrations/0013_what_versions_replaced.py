from django.db import migrations


def tell_what_was_replaced(apps, _editor):
    """Of each bill, the version that was live before: until now only numbers told it."""
    BillVersion = apps.get_model("costs", "BillVersion")
    before = {}
    was_live = BillVersion.objects.filter(live_since__isnull=False).order_by("number")
    for version in was_live.only("source_id", "billing_period"):
        bill = (version.source_id, version.billing_period)
        if bill in before:
            BillVersion.objects.filter(pk=version.pk).update(replaces=before[bill])
        before[bill] = version.pk


class Migration(migrations.Migration):
    dependencies = [
        ("costs", "0012_restatements"),
    ]

    operations = [
        migrations.RunPython(tell_what_was_replaced, migrations.RunPython.noop),
    ]
