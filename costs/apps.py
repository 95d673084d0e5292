from django.apps import AppConfig
from django.db.models.signals import post_migrate


class CostsConfig(AppConfig):
    name = "costs"
    verbose_name = "Costs"

    def ready(self) -> None:
        post_migrate.connect(_install_defaults, sender=self)


def _install_defaults(**_: object) -> None:
    """Environments, allocation rules, bands and roles, where there are none yet."""
    from costs.bills.defaults import install_defaults
    from costs.budgets.operations import install_default_bands
    from costs.people.operations import install_roles

    install_defaults()
    install_default_bands()
    install_roles()
