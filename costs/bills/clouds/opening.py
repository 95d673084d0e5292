"""From a kind and its parameters to a connector; here the packages of a cloud are imported."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from costs.bills.clouds.connector import Connector
from costs.bills.clouds.patience import Patience


def open_connector(
    kind: str,
    parameters: Mapping[str, str],
    *,
    bill_names: tuple[str, ...],
    azure_management: str,
    azure_blob: str,
    patience: Patience,
) -> Connector:
    """The connector of a kind with checked parameters. Raises :class:`LookupError`.

    ``azure_management`` and ``azure_blob`` are addresses; the latter has ``{account}`` in it.
    """
    if kind not in _OPENING:
        raise LookupError(f"there is no kind of connection “{kind[:60]}”")
    opening = _Opening(parameters, bill_names, azure_management, azure_blob, patience)
    return _OPENING[kind](opening)


@dataclass(frozen=True)
class _Opening:
    parameters: Mapping[str, str]
    bill_names: tuple[str, ...]
    azure_management: str
    azure_blob: str
    patience: Patience

    def given(self, name: str) -> str:
        return self.parameters.get(name, "")

    def some(self, *names: str) -> dict[str, str]:
        """Parameters by their names, which are those of the connector's fields."""
        return {name: self.given(name) for name in names}


def _aws_s3(at: _Opening) -> Connector:
    from costs.bills.clouds.folders import FolderConnector
    from costs.bills.clouds.s3 import S3Folder

    names = ("bucket", "prefix", "region", "profile", "role", "external_id")
    folder = S3Folder(**at.some(*names), patience=at.patience)
    return FolderConnector(folder, at.bill_names, at.patience)


def _aws_cost_explorer(at: _Opening) -> Connector:
    from costs.bills.clouds.cost_explorer import CostExplorerConnector

    return CostExplorerConnector(
        **at.some("since", "split_by", "profile", "role", "external_id"),
        totals_only=at.given("use") == "totals",
        patience=at.patience,
    )


def _azure_blob(at: _Opening) -> Connector:
    from costs.bills.clouds.azure_access import Endpoints
    from costs.bills.clouds.blob import BlobFolder
    from costs.bills.clouds.folders import FolderConnector

    folder = BlobFolder(
        **at.some("account", "container", "prefix", "identity"),
        endpoints=Endpoints(at.azure_management, at.azure_blob),
        patience=at.patience,
    )
    return FolderConnector(folder, at.bill_names, at.patience)


def _azure_cost_details(at: _Opening) -> Connector:
    from costs.bills.clouds.azure_access import Endpoints
    from costs.bills.clouds.cost_details import CostDetailsConnector

    return CostDetailsConnector(
        **at.some("scope", "since", "identity"),
        endpoints=Endpoints(at.azure_management, at.azure_blob),
        patience=at.patience,
    )


def _azure_query(at: _Opening) -> Connector:
    from costs.bills.clouds.azure_access import Endpoints
    from costs.bills.clouds.azure_query import QueryConnector

    return QueryConnector(
        **at.some("scope", "since", "identity"),
        totals_only=at.given("use") == "totals",
        endpoints=Endpoints(at.azure_management, at.azure_blob),
        patience=at.patience,
    )


_OPENING: Mapping[str, Callable[[_Opening], Connector]] = {
    "aws-s3": _aws_s3,
    "aws-cost-explorer": _aws_cost_explorer,
    "azure-blob": _azure_blob,
    "azure-cost-details": _azure_cost_details,
    "azure-query": _azure_query,
}
