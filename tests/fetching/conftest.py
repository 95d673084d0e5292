"""The fake clouds of the connectors and the processes of the jobs, together."""

from __future__ import annotations

from tests.bills.clouds.conftest import aws, azure, certificate, moto_port
from tests.jobs.conftest import amqp, broker, own_redis, processes

__all__ = ["amqp", "aws", "azure", "broker", "certificate", "moto_port", "own_redis", "processes"]
