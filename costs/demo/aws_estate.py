"""The system on AWS: what each environment runs, as one table, and what a unit costs.

Prices are on-demand list prices of us-east-1. EC2: AWS price list of 2026-07-20. RDS, EBS, NAT
gateway, addresses: infracost's recorded prices, 2026-05-03; db.t3 sizes below large by halving.
ElastiCache: public code tables, not traced to a price list. The rest: AWS pricing pages as widely
quoted. They only have to be believable.
"""

from costs.demo.aws_services import SERVICES
from costs.demo.identifiers import AWS_ACCOUNTS, PAYER, SHORT, aws_arn, hexadecimal
from costs.demo.meters import Behaviour, Meter, lines, prices
from costs.demo.truths import Truths

PRICES = prices(
    {
        "BoxUsage:t3.small": ("0.0208", "Hrs"),
        "BoxUsage:t3.medium": ("0.0416", "Hrs"),
        "EBS:VolumeUsage.gp3": ("0.08", "GB-Mo"),
        "EBS:SnapshotUsage": ("0.05", "GB-Mo"),
        "NatGateway-Hours": ("0.045", "Hrs"),
        "NatGateway-Bytes": ("0.045", "GB"),
        "ElasticIP:IdleAddress": ("0.005", "Hrs"),
        "PublicIPv4:InUseAddress": ("0.005", "Hrs"),
        "AmazonEKS-Hours:perCluster": ("0.10", "Hours"),
        "LoadBalancerUsage": ("0.0225", "Hrs"),
        "LCUUsage": ("0.008", "LCU-Hrs"),
        "InstanceUsage:db.t3.micro": ("0.018", "Hrs"),
        "InstanceUsage:db.t3.medium": ("0.072", "Hrs"),
        "InstanceUsage:db.t3.small": ("0.036", "Hrs"),
        "Multi-AZUsage:db.t3.large": ("0.29", "Hrs"),
        "RDS:GP3-Storage": ("0.115", "GB-Mo"),
        "RDS:Multi-AZ-GP3-Storage": ("0.23", "GB-Mo"),
        "RDS:ChargedBackupUsage": ("0.095", "GB-Mo"),
        "NodeUsage:cache.t3.micro": ("0.017", "Hrs"),
        "NodeUsage:cache.t3.small": ("0.034", "Hrs"),
        "NodeUsage:cache.r6g.large": ("0.206", "Hrs"),
        "ElastiCache:BackupUsage": ("0.085", "GB-Mo"),
        "Requests-RBP": ("0.0000004", "Requests"),
        "Requests-FIFO-RBP": ("0.0000005", "Requests"),
        "DeliveryAttempts-HTTP": ("0.0000006", "Notifications"),
        "Requests-Tier1-SNS": ("0.0000005", "Requests"),
        "CW:MetricMonitorUsage": ("0.30", "Metrics"),
        "CW:AlarmMonitorUsage": ("0.10", "Alarms"),
        "CW:Requests": ("0.00001", "Requests"),
        "DataProcessing-Bytes": ("0.50", "GB"),
        "TimedStorage-Logs": ("0.03", "GB-Mo"),
        "AWSSecretsManager-Secrets": ("0.40", "Secrets"),
        "AWSSecretsManagerAPIRequest": ("0.000005", "API Requests"),
        "TimedStorage-ByteHrs": ("0.023", "GB-Mo"),
        "TimedStorage-SIA-ByteHrs": ("0.0125", "GB-Mo"),
        "Requests-Tier1": ("0.000005", "Requests"),
        "Requests-Tier2": ("0.0000004", "Requests"),
        "DataTransfer-Out-Bytes": ("0.09", "GB"),
        "DataTransfer-Regional-Bytes": ("0.01", "GB"),
        "SMS-Outbound-US": ("0.0079", "Messages"),
    }
)

LINES = lines(
    """
service      name         sku                          how      paid by    dev  staging    prod
ec2          ecs-1        BoxUsage:t3.small            running  product      1        -       -
ec2          ecs-2        BoxUsage:t3.small            running  product      1        -       -
ebs          ecs-1        EBS:VolumeUsage.gp3          held     product     30        -       -
ebs          ecs-2        EBS:VolumeUsage.gp3          held     product     30        -       -
ebs          artifacts    EBS:VolumeUsage.gp3          held     platform    40       60     220
snapshot     artifacts    EBS:SnapshotUsage            stored   platform    22       55     310
eks          -            AmazonEKS-Hours:perCluster   running  platform     -        -       1
nat          a            NatGateway-Hours             running  platform     1        1       1
nat          a            NatGateway-Bytes             traffic  platform   0.4      3.1    10.7
nat          b            NatGateway-Hours             running  platform     -        -       1
nat          b            NatGateway-Bytes             traffic  platform     -        -     9.9
address      nat          PublicIPv4:InUseAddress      running  platform     1        1       2
alb          -            LoadBalancerUsage            running  platform     1        1       1
alb          -            LCUUsage                     traffic  platform   3.2       15   141.5
transfer     out          DataTransfer-Out-Bytes       traffic  product    0.3      2.2    17.6
transfer     zones        DataTransfer-Regional-Bytes  traffic  product    1.1      6.9    44.3
rds          -            InstanceUsage:db.t3.micro    running  data         1        -       -
rds          -            InstanceUsage:db.t3.medium   running  data         -        1       -
rds          -            Multi-AZUsage:db.t3.large    running  data         -        -       1
rds          -            RDS:GP3-Storage              stored   data        20       64       -
rds          -            RDS:Multi-AZ-GP3-Storage     stored   data         -        -     236
rds          -            RDS:ChargedBackupUsage       stored   data         4       28     142
rds          reporting    InstanceUsage:db.t3.small    running  data         -        1       -
rds          reporting    InstanceUsage:db.t3.medium   running  data         -        -       1
rds          reporting    RDS:GP3-Storage              stored   data         -       64     236
elasticache  001          NodeUsage:cache.t3.micro     running  product      1        -       -
elasticache  001          NodeUsage:cache.t3.small     running  product      -        1       -
elasticache  001          NodeUsage:cache.r6g.large    running  product      -        -       1
elasticache  002          NodeUsage:cache.r6g.large    running  product      -        -       1
elasticache  001          ElastiCache:BackupUsage      stored   product      -        6      91
sqs          jobs         Requests-RBP                 traffic  product   11e3     90e3  0.92e6
sqs          mail         Requests-RBP                 traffic  product    5e3     38e3  0.37e6
sqs          orders-fifo  Requests-FIFO-RBP            traffic  product    4e3     21e3  0.44e6
sns          events       Requests-Tier1-SNS           traffic  product    6e3     47e3  0.41e6
sns          events       DeliveryAttempts-HTTP        traffic  product    5e3     39e3  0.38e6
cloudwatch   app          CW:MetricMonitorUsage        held     platform    12       38     121
cloudwatch   app          CW:AlarmMonitorUsage         held     platform     9       21      64
cloudwatch   app          CW:Requests                  traffic  platform  1100     4300   18400
logs         -            DataProcessing-Bytes         traffic  platform  0.28     1.15     3.6
logs         -            TimedStorage-Logs            stored   platform    14       66     410
secrets      -            AWSSecretsManager-Secrets    held     platform     6        9      17
secrets      -            AWSSecretsManagerAPIRequest  traffic  platform   420     1600    9300
s3           uploads      TimedStorage-ByteHrs         stored   product     48      210     990
s3           uploads      Requests-Tier1               traffic  product   2100    11200   93000
s3           uploads      Requests-Tier2               traffic  product   9400    61000  640000
s3           backups      TimedStorage-SIA-ByteHrs     stored   data        25      140     980
s3           backups      Requests-Tier1               traffic  data        90      340    1900
s3           logs         TimedStorage-ByteHrs         stored   platform    18       72     420
s3           logs         Requests-Tier1               traffic  platform   700     2900   21000
twilio       -            SMS-Outbound-US              traffic  product    1.6       11   112.0
    """
)

# Service, SKU, behaviour and amount of the resources of `Truths.untagged`, in their order.
UNTAGGED = (
    ("s3", "TimedStorage-ByteHrs", Behaviour.STORED, 1720.0),
    ("address", "ElasticIP:IdleAddress", Behaviour.RUNNING, 1.0),
)

# Three ways to say where something belongs, as one meets them in a real account.
SPELLINGS = {
    "development": ("dev", "Development", "development"),
    "staging": ("staging", "stg", "Stage"),
    "production": ("prod", "Production", "prd"),
}
NETWORK_MODULE = ("nat", "alb", "address")


def tags(service: str, environment: str, cost_center: str) -> tuple[tuple[str, str], ...]:
    """The user tags of a resource. The network module knows only its Terraform workspace."""
    workspace = ("user:workspace", f"template-{SHORT[environment]}")
    key = "user:costcenter" if environment == "development" else "user:cost-center"
    paid_by = (key, cost_center)
    if service in NETWORK_MODULE:
        return (workspace, paid_by)
    spelling = SPELLINGS[environment][int(hexadecimal(service, 2), 16) % 3]
    return (("user:environment", spelling), workspace, paid_by, ("user:app", "template"))


def resource_id(service: str, environment: str, name: str) -> str:
    """The id that the bill gives a resource: an ARN, an instance, a volume or a bucket."""
    full = "-".join(part for part in ("template", SHORT[environment], name) if part)
    arn_service, pattern = SERVICES[service].resource
    digits = hexadecimal(f"{service}/{full}")
    if service == "ec2":
        return f"i-{digits}"
    if service == "logs":
        full = f"template/{SHORT[environment]}"
    own = pattern.format(full, id=digits)
    return aws_arn(arn_service, AWS_ACCOUNTS[environment], own) if arn_service else own


def meter(
    service: str, environment: str, name: str, sku: str, how: Behaviour, amount: float, paid_by: str
) -> Meter:
    """One tagged meter of one environment."""
    return Meter(
        source="aws",
        service=service,
        sku=sku,
        price=PRICES[sku],
        behaviour=how,
        amount=amount,
        environment=environment,
        cost_center=paid_by,
        account=AWS_ACCOUNTS[environment],
        resource_id=resource_id(service, environment, name),
        resource_name=name,
        tags=tags(service, environment, paid_by),
    )


def aws_meters(planted: Truths) -> list[Meter]:
    """Everything on AWS but the autoscaled nodes."""
    found = [
        meter(
            line.service, environment, line.name, line.sku, line.behaviour, amount, line.cost_center
        )
        for line in LINES
        for environment, amount in line.amounts()
    ]
    ids = [untagged.resource_id for untagged in planted.untagged if untagged.source == "aws"]
    for (service, sku, how, amount), own in zip(UNTAGGED, ids, strict=True):
        found.append(Meter("aws", service, sku, PRICES[sku], how, amount, PAYER, resource_id=own))
    return found
