"""The system on Azure: what each environment runs, as one table, and what a unit costs.

Prices are pay-as-you-go list prices of eastus in USD. App Service, PostgreSQL single server,
public address, P4 disk: infracost's recorded prices of 2024-07-01 and 2024-08-30 (GP_Gen5_2 and
B_Gen5_1 by vCore). The rest: Azure pricing pages as widely quoted; they only have to be
believable.
"""

from dataclasses import replace

from costs.demo.azure_services import SERVICES
from costs.demo.identifiers import SHARED_TOOLS, SHORT, SUBSCRIPTIONS, azure_id, hexadecimal
from costs.demo.meters import Behaviour, Line, Meter, lines, prices
from costs.demo.truths import Truths

PRICES = prices(
    {
        "B1 App": ("0.017", "1 Hour"),
        "B2 App": ("0.034", "1 Hour"),
        "P1 v3 App": ("0.155", "1 Hour"),
        "1 vCore": ("0.034", "1 Hour"),
        "2 vCore": ("0.1752", "1 Hour"),
        "4 vCore": ("0.3504", "1 Hour"),
        "General Purpose Data Stored": ("0.115", "1 GB/Month"),
        "Backup LRS Data Stored": ("0.1", "1 GB/Month"),
        "C0 Cache Instance": ("0.055", "1 Hour"),
        "C1 Cache Instance": ("0.138", "1 Hour"),
        "Standard Base Unit": ("0.013441", "1/Hour"),
        "Standard Messaging Operations": ("0.8", "1M"),
        "Small Gateway": ("0.025", "1 Hour"),
        "Medium Gateway": ("0.07", "1 Hour"),
        "Medium Data Processed": ("0.007", "1 GB"),
        "Standard IPv4 Static Public IP": ("0.005", "1 Hour"),
        "Data Ingestion": ("2.3", "1 GB"),
        "Pay-as-you-go Data Ingestion": ("2.76", "1 GB"),
        "Pay-as-you-go Data Retention": ("0.12", "1 GB/Month"),
        "Operations": ("0.03", "10K"),
        "Hot LRS Data Stored": ("0.0208", "1 GB/Month"),
        "Hot LRS Write Operations": ("0.055", "10K"),
        "Hot Read Operations": ("0.0044", "10K"),
        "Cool LRS Data Stored": ("0.0152", "1 GB/Month"),
        "P10 LRS Disk": ("19.71", "1/Month"),
        "P4 LRS Disk": ("5.28", "1/Month"),
        "Standard Data Transfer Out": ("0.087", "1 GB"),
        "Basic Registry Unit": ("0.1666", "1/Day"),
        "Essentials 50K": ("19.95", "1/Month"),
        "Additional emails": ("1.18", "1K"),
    }
)

LINES = lines(
    """
service      name      sku                             how      paid by     dev  staging   prod
app-basic    web       B1 App                          running  product       2        -      -
app-basic    web       B2 App                          running  product       -        2      -
app          web       P1 v3 App                       scaled   product       -        -    3.4
pg-basic     main      1 vCore                         running  data          1        -      -
pg           main      2 vCore                         running  data          -        1      -
pg           main      4 vCore                         running  data          -        -      1
pg-storage   main      General Purpose Data Stored     stored   data         32      110    348
pg-backup    main      Backup LRS Data Stored          stored   data          -       12    124
redis        main      C0 Cache Instance               running  product       -        1      -
redis        main      C1 Cache Instance               running  product       -        -      1
service-bus  main      Standard Base Unit              running  product       1        1      1
service-bus  main      Standard Messaging Operations   traffic  product    0.01     0.09   0.94
gateway      main      Small Gateway                   running  platform      1        1      -
gateway      main      Medium Gateway                  running  platform      -        -      1
gateway      main      Medium Data Processed           traffic  platform      -        -   96.2
address      agw       Standard IPv4 Static Public IP  running  platform      1        1      1
insights     template  Data Ingestion                  traffic  platform   0.17     0.19   0.74
logs         platform  Pay-as-you-go Data Ingestion    traffic  platform   0.12     0.13   0.48
logs         platform  Pay-as-you-go Data Retention    stored   platform      6       19    104
vault        app       Operations                      traffic  platform    0.2      0.7    4.1
vault        pipeline  Operations                      traffic  platform    0.1      0.2    0.5
blob         files     Hot LRS Data Stored             stored   product      41      170    790
blob         files     Hot LRS Write Operations        traffic  product     0.3      1.4    8.8
blob         files     Hot Read Operations             traffic  product     1.9      8.1   72.0
blob         archive   Cool LRS Data Stored            stored   data         30      160   1130
blob         archive   Hot LRS Write Operations        traffic  data       0.05      0.2    1.1
disk         runner    P4 LRS Disk                     held     platform      1        1      1
bandwidth    web       Standard Data Transfer Out      traffic  product     0.2      1.2   11.3
registry     images    Basic Registry Unit             running  platform  0.042    0.042  0.042
sendgrid     mail      Essentials 50K                  monthly  product       -        -      1
sendgrid     mail      Additional emails               traffic  product       -        -   0.83
    """
)

# Service, SKU, behaviour and amount of the resources of `Truths.untagged`, in their order.
UNTAGGED = (
    ("disk", "P10 LRS Disk", Behaviour.HELD, 1.0),
    ("disk", "P10 LRS Disk", Behaviour.HELD, 1.0),
    ("address", "Standard IPv4 Static Public IP", Behaviour.RUNNING, 1.0),
)

# Resource groups of one environment are not all spelled alike; neither are the tags.
GROUPS = {
    "development": ("rg-template-dev", "rg-template-dev", "rg-template-development"),
    "staging": ("rg-template-staging", "rg-template-stg", "rg-template-staging"),
    "production": ("rg-template-prod", "rg-template-prod", "rg-template-production"),
}
TAGS = {"development": "dev", "staging": "stg", "production": "prod"}
DATA_SERVICES = ("pg-basic", "pg", "pg-storage", "pg-backup", "redis")
BY_GROUP_ONLY = ("vault", "address", "bandwidth", "registry")


def group_of(service: str, environment: str) -> str:
    """The resource group: the data layer and the file stores have their own spelling."""
    usual, data, files = GROUPS[environment]
    if service in DATA_SERVICES:
        return data
    return files if service == "blob" else usual


def tags(service: str, environment: str, cost_center: str) -> tuple[tuple[str, str], ...]:
    """The tags of a resource; some carry none for the environment and rely on their group."""
    key = "cost_center" if service == "blob" else "costcenter"
    if service in BY_GROUP_ONLY:
        return ((key, cost_center),)
    return (("env", TAGS[environment]), (key, cost_center), ("app", "template"))


def meter(line: Line, environment: str, amount: float) -> Meter:
    """One tagged meter of one environment."""
    service = SERVICES[line.service]
    group = group_of(line.service, environment)
    name = f"{service.prefix}-{line.name}-{SHORT[environment]}"
    if line.service == "insights":
        name = f"appi-template-{SHORT[environment]}"
    return Meter(
        source="azure",
        service=line.service,
        sku=line.sku,
        price=PRICES[line.sku],
        behaviour=line.behaviour,
        amount=amount,
        environment=environment,
        cost_center=line.cost_center,
        account=SUBSCRIPTIONS[environment],
        group=group,
        resource_id=azure_id(SUBSCRIPTIONS[environment], group, service.kind, name),
        resource_name=name,
        tags=tags(line.service, environment, line.cost_center),
    )


def azure_meters(planted: Truths) -> list[Meter]:
    """Everything on Azure but the weekly preview environments."""
    found = [
        meter(line, environment, amount) for line in LINES for environment, amount in line.amounts()
    ]
    ids = [untagged.resource_id for untagged in planted.untagged if untagged.source == "azure"]
    for (service, sku, how, amount), own in zip(UNTAGGED, ids, strict=True):
        found.append(
            Meter(
                "azure", service, sku, PRICES[sku], how, amount, SHARED_TOOLS,
                group="rg-shared-tools", resource_id=own, resource_name=own.rpartition("/")[2],
            )
        )  # fmt: skip
    return found


def preview_meter(resource_id: str) -> Meter:
    """The App Service plan that a release is previewed on for one week."""
    line = Line("app-basic", "preview", "B2 App", Behaviour.RUNNING, "cc-product", 1, 0, 0)
    name = resource_id.rpartition("/")[2]
    return replace(meter(line, "development", 1), resource_id=resource_id, resource_name=name)


def meter_id(meter: Meter) -> str:
    """The GUID that Azure gives a meter of its price list."""
    digits = hexadecimal(f"{meter.service}/{meter.sku}", 32)
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
