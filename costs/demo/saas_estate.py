"""The monitoring subscription, billed by its vendor as a FOCUS file. List prices in USD, annual
plan billed monthly, as widely quoted in 2026; they only have to be believable."""

from dataclasses import dataclass

from costs.demo.identifiers import SAAS_BILLING_ACCOUNT, SHORT
from costs.demo.meters import Meter, lines, prices


@dataclass(frozen=True, slots=True)
class Service:
    """What the bill calls it, with FOCUS's category and subcategory."""

    name: str
    category: str
    subcategory: str


SERVICES = {
    "hosts": Service("Infrastructure Monitoring", "Management and Governance", "Observability"),
    "apm": Service("APM", "Management and Governance", "Observability"),
    "logs": Service("Log Management", "Management and Governance", "Observability"),
    "synthetics": Service("Synthetic Monitoring", "Developer Tools", "Developer Platforms"),
    "incidents": Service("Incident Management", "Management and Governance", "Observability"),
}

PRICES = prices(
    {
        "infra_host_pro": ("15", "Host-Months"),
        "container": ("1", "Container-Months"),
        "custom_metrics": ("0.05", "Metric-Months"),
        "apm_host": ("31", "Host-Months"),
        "indexed_spans": ("1.70", "1M Spans"),
        "logs_ingested": ("0.10", "GB"),
        "logs_indexed_15d": ("1.70", "1M Events"),
        "api_test_runs": ("5", "10K Runs"),
        "incident_seat": ("20", "Seats"),
    }
)

LINES = lines(
    """
service     name  sku               how      paid by    dev  staging   prod
hosts       -     infra_host_pro    held     platform     1        1      5
hosts       -     container         held     platform     2        6     24
hosts       -     custom_metrics    held     product      8       30    160
apm         -     apm_host          held     product      -        -      1
apm         -     indexed_spans     traffic  product      -    0.021   0.21
logs        -     logs_ingested     traffic  platform  0.21     1.02    6.4
logs        -     logs_indexed_15d  traffic  platform  0.03     0.11   0.63
synthetics  -     api_test_runs     traffic  product      -    0.014  0.061
incidents   -     incident_seat     monthly  platform     -        -      2
    """
)


def saas_meters() -> list[Meter]:
    """Everything that the monitoring vendor bills."""
    return [
        Meter(
            source="saas",
            service=line.service,
            sku=line.sku,
            price=PRICES[line.sku],
            behaviour=line.behaviour,
            amount=amount,
            environment=environment,
            cost_center=line.cost_center,
            account=f"{SAAS_BILLING_ACCOUNT}-{SHORT[environment]}",
            group="",
            resource_id=f"{line.service}:template-{SHORT[environment]}",
            resource_name=f"template-{SHORT[environment]}",
            tags=(("env", environment.title()), ("cost_center", line.cost_center)),
        )
        for line in LINES
        for environment, amount in line.amounts()
    ]
