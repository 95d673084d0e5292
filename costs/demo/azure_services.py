"""What the Azure bill calls each service, and of which type its resources are."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Service:
    """What the bill calls it; `prefix` begins the names of its resources."""

    category: str
    sub_category: str
    family: str
    kind: str
    prefix: str
    publisher: str = "Microsoft"

    @property
    def consumed_service(self) -> str:
        """The resource provider."""
        return self.kind.split("/")[0]


SERVICES = {
    "app-basic": Service(
        "Azure App Service",
        "Azure App Service Basic Plan - Linux",
        "Compute",
        "Microsoft.Web/serverFarms",
        "plan",
    ),
    "app": Service(
        "Azure App Service",
        "Azure App Service Premium v3 Plan - Linux",
        "Compute",
        "Microsoft.Web/serverFarms",
        "plan",
    ),
    "pg-basic": Service(
        "Azure Database for PostgreSQL",
        "Single Server Basic - Compute Gen5",
        "Databases",
        "Microsoft.DBforPostgreSQL/servers",
        "psql",
    ),
    "pg": Service(
        "Azure Database for PostgreSQL",
        "Single Server General Purpose - Compute Gen5",
        "Databases",
        "Microsoft.DBforPostgreSQL/servers",
        "psql",
    ),
    "pg-storage": Service(
        "Azure Database for PostgreSQL",
        "Single Server General Purpose - Storage",
        "Databases",
        "Microsoft.DBforPostgreSQL/servers",
        "psql",
    ),
    "pg-backup": Service(
        "Azure Database for PostgreSQL",
        "Single Server Backup Storage",
        "Databases",
        "Microsoft.DBforPostgreSQL/servers",
        "psql",
    ),
    "redis": Service(
        "Redis Cache", "Azure Redis Cache Standard", "Databases", "Microsoft.Cache/Redis", "redis"
    ),
    "service-bus": Service(
        "Service Bus", "", "Integration", "Microsoft.ServiceBus/namespaces", "sb"
    ),
    "gateway": Service(
        "Application Gateway",
        "Basic Application Gateway",
        "Networking",
        "Microsoft.Network/applicationGateways",
        "agw",
    ),
    "address": Service(
        "Virtual Network",
        "IP Addresses",
        "Networking",
        "Microsoft.Network/publicIPAddresses",
        "pip",
    ),
    "insights": Service(
        "Azure Monitor",
        "Application Insights",
        "Management and Governance",
        "Microsoft.Insights/components",
        "appi",
    ),
    "logs": Service(
        "Log Analytics",
        "",
        "Management and Governance",
        "Microsoft.OperationalInsights/workspaces",
        "log",
    ),
    "vault": Service("Key Vault", "", "Security", "Microsoft.KeyVault/vaults", "kv"),
    "blob": Service(
        "Storage", "Tiered Block Blob", "Storage", "Microsoft.Storage/storageAccounts", "st"
    ),
    "disk": Service(
        "Storage", "Premium SSD Managed Disks", "Storage", "Microsoft.Compute/disks", "disk"
    ),
    "bandwidth": Service(
        "Bandwidth", "Rtn Preference: MGN", "Networking", "Microsoft.Web/serverFarms", "plan"
    ),
    "registry": Service(
        "Container Registry", "", "Containers", "Microsoft.ContainerRegistry/registries", "cr"
    ),
    "sendgrid": Service(
        "SaaS", "SendGrid Email API", "SaaS", "Microsoft.SaaS/resources", "sendgrid", "Twilio"
    ),
}
