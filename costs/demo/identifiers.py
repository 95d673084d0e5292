"""Accounts, groups and ids as each provider spells them. All made up; the AWS account numbers are
those that AWS reserves for its documentation."""

from hashlib import blake2b

from costs.periods import Period

PAYER = "111122223333"
AWS_ACCOUNTS = {
    "development": "444455556666",
    "staging": "444455556666",
    "production": "777788889999",
    "": PAYER,
}
AZURE_BILLING_ACCOUNT = "74639018"
NON_PRODUCTION = "5c1f2a54-0f0e-4c58-9a59-6f1d2c7be001"
PRODUCTION = "5c1f2a54-0f0e-4c58-9a59-6f1d2c7be002"
SHARED_TOOLS = "5c1f2a54-0f0e-4c58-9a59-6f1d2c7be003"
SUBSCRIPTIONS = {
    "development": NON_PRODUCTION,
    "staging": NON_PRODUCTION,
    "production": PRODUCTION,
    "": SHARED_TOOLS,
}
SUBSCRIPTION_NAMES = {
    NON_PRODUCTION: "Template lower environments",
    PRODUCTION: "Template live",
    SHARED_TOOLS: "Shared tools",
}
SAAS_BILLING_ACCOUNT = "dd-4471902"

SHORT = {"development": "dev", "staging": "staging", "production": "prod"}


def hexadecimal(text: str, digits: int = 17) -> str:
    """A stable made-up id: hexadecimal digits that depend on nothing but `text`."""
    return blake2b(text.encode(), digest_size=20).hexdigest()[:digits]


def aws_arn(service: str, account: str, name: str) -> str:
    """The ARN of a resource in us-east-1."""
    return f"arn:aws:{service}:us-east-1:{account}:{name}"


def azure_id(subscription: str, group: str, kind: str, name: str) -> str:
    """The id of an Azure resource; `kind` is its type, such as Microsoft.Cache/Redis."""
    return f"/subscriptions/{subscription}/resourceGroups/{group}/providers/{kind}/{name}"


def preview_id(week: Period) -> str:
    """The App Service plan that previews the release of an ISO week, in development."""
    year, number, _ = week.start.isocalendar()
    name = f"plan-preview-{year}w{number:02}"
    return azure_id(NON_PRODUCTION, "rg-template-dev", "Microsoft.Web/serverFarms", name)


LOG_GROUP_OF_STAGING = aws_arn("logs", AWS_ACCOUNTS["staging"], "log-group:/template/staging/app")
TELEMETRY_OF_PRODUCTION = azure_id(
    PRODUCTION, "rg-template-prod", "Microsoft.Insights/components", "appi-template-prod"
)
