"""Azure cost details, amortized cost: told from the actual cost by its rows, not by its columns.

See ``costs.bills.halves``. Source: Microsoft, "Understand cost details fields" and "View amortized
reservation costs".
"""

from __future__ import annotations

from collections.abc import Mapping

from costs.bills.description import Columns
from costs.bills.readers.azure_actual import AzureActual as _Actual


class AzureAmortized:
    """The same columns; what they cost is spread over what commitments cover."""

    name = "azure-amortized"
    family = _Actual.family
    version = _Actual.version

    def recognises(self, columns: Columns) -> bool:
        return False  # by its columns it is an actual-cost file

    def charge(self, columns: Columns) -> Mapping[str, str]:
        return _Actual().charge(columns)

    def notices(self) -> tuple[str, ...]:
        return (
            "Only Azure's amortized cost is here: billed cost equals effective cost, purchases of"
            " reservations and savings plans are missing from it.",
        )
