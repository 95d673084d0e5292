"""What the AWS bill calls each service, and how the ids of its resources look."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Service:
    """What the bill calls it; `resource` is the ARN's service and the pattern of its name."""

    product_code: str
    product_name: str
    family: str
    operation: str
    resource: tuple[str, str]
    seller: str = "Amazon Web Services, Inc."


SERVICES = {
    "ec2": Service(
        "AmazonEC2", "Amazon Elastic Compute Cloud", "Compute Instance", "RunInstances", ("", "{}")
    ),
    "ebs": Service(
        "AmazonEC2", "Amazon Elastic Compute Cloud", "Storage", "CreateVolume-Gp3", ("", "vol-{id}")
    ),
    "snapshot": Service(
        "AmazonEC2",
        "Amazon Elastic Compute Cloud",
        "Storage Snapshot",
        "CreateSnapshot",
        ("ec2", "snapshot/snap-{id}"),
    ),
    "nat": Service(
        "AmazonEC2",
        "Amazon Elastic Compute Cloud",
        "NAT Gateway",
        "NatGateway",
        ("ec2", "natgateway/nat-{id}"),
    ),
    "address": Service(
        "AmazonVPC",
        "Amazon Virtual Private Cloud",
        "IP Address",
        "AllocateAddressVPC",
        ("ec2", "elastic-ip/eipalloc-{id}"),
    ),
    "eks": Service(
        "AmazonEKS",
        "Amazon Elastic Container Service for Kubernetes",
        "Compute",
        "CreateOperation",
        ("eks", "cluster/{}"),
    ),
    "alb": Service(
        "AWSELB",
        "Elastic Load Balancing",
        "Load Balancer-Application",
        "LoadBalancing:Application",
        ("elasticloadbalancing", "loadbalancer/app/{}/{id}"),
    ),
    "rds": Service(
        "AmazonRDS",
        "Amazon Relational Database Service",
        "Database Instance",
        "CreateDBInstance:0014",
        ("rds", "db:{}"),
    ),
    "elasticache": Service(
        "AmazonElastiCache",
        "Amazon ElastiCache",
        "Cache Instance",
        "CreateCacheCluster:0002",
        ("elasticache", "cluster:{}"),
    ),
    "sqs": Service(
        "AWSQueueService",
        "Amazon Simple Queue Service",
        "API Request",
        "SendMessage",
        ("sqs", "{}"),
    ),
    "sns": Service(
        "AmazonSNS",
        "Amazon Simple Notification Service",
        "Message Delivery",
        "DeliveryAttempts-HTTP",
        ("sns", "{}"),
    ),
    "cloudwatch": Service(
        "AmazonCloudWatch",
        "AmazonCloudWatch",
        "Metric",
        "MetricStorage:AWS/EC2",
        ("cloudwatch", "alarm:{}"),
    ),
    "logs": Service(
        "AmazonCloudWatch",
        "AmazonCloudWatch",
        "Data Payload",
        "PutLogEvents",
        ("logs", "log-group:/{}/app"),
    ),
    "secrets": Service(
        "AWSSecretsManager",
        "AWS Secrets Manager",
        "Secret",
        "Secrets",
        ("secretsmanager", "secret:{}/app-{id}"),
    ),
    "s3": Service(
        "AmazonS3", "Amazon Simple Storage Service", "Storage", "StandardStorage", ("", "{}")
    ),
    "transfer": Service(
        "AWSDataTransfer", "AWS Data Transfer", "Data Transfer", "PublicIP-Out", ("", "i-{id}")
    ),
    "twilio": Service(
        "5k2p8vq3f1x7m9c6d4b0h2n8r",
        "Twilio Programmable Messaging",
        "SaaS",
        "Contract",
        ("", "agmt-{id}"),
        seller="Twilio Inc.",
    ),
}
