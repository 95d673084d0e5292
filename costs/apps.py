from django.apps import AppConfig
from django.db.models.signals import post_migrate


class CostsConfig(AppConfig):
    name = "costs"
    verbose_name = "Costs"

    def ready(self) -> None:
        post_migrate.connect(_install_defaults, sender=self)
        _register_jobs()


def _register_jobs() -> None:
    """Make every kind of background work known; imported here, for models must be ready."""
    from costs.alerts import tasks as alerts
    from costs.bills import connecting, manual_charges, reallocation, spreading
    from costs.bills import tasks as bills
    from costs.budgets import watching
    from costs.demo import tasks as demo
    from costs.jobs.kinds import on_sweep, register
    from costs.lake import ledgers

    register(alerts.EVALUATE, alerts.evaluate, queue="short")
    register(alerts.DELIVER, alerts.deliver, queue="short")
    register(alerts.DIGEST, alerts.digest, queue="short")
    on_sweep("alerts", alerts.ask)
    register(bills.INGEST, bills.ingest_upload, queue="long", after=bills.remove_upload)
    register(connecting.FETCH, bills.fetch, queue="long")
    register(connecting.CHECK, bills.check, queue="short")
    on_sweep("connections", connecting.request_due)
    register(spreading.STAGE, spreading.stage_part, queue="long")
    register(reallocation.KIND, reallocation.work, queue="long")
    register(manual_charges.KIND, manual_charges.work, queue="short")
    on_sweep(manual_charges.KIND, manual_charges.on_sweep)
    register(ledgers.KIND, ledgers.work, queue="long")
    on_sweep(ledgers.KIND, ledgers.ask_for_ledgers)
    register(watching.KIND, watching.work, queue="short")
    on_sweep(watching.KIND, watching.on_sweep)
    register(demo.LOAD, demo.load, queue="long")


def _install_defaults(**_: object) -> None:
    """Environments, allocation rules, bands and roles, where there are none yet."""
    from costs.bills.defaults import install_defaults
    from costs.budgets.operations import install_default_bands
    from costs.people.operations import install_roles

    install_defaults()
    install_default_bands()
    install_roles()
