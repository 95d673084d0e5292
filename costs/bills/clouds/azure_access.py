"""Signing in to Azure by its standard chain, and what its errors mean.

Source of the error codes: Microsoft, "Troubleshoot Azure RBAC", "Status and error codes" of Blob
Storage, "Errors" of Cost Management.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urlsplit

from azure.core.credentials import TokenCredential
from azure.core.exceptions import (
    AzureError,
    ClientAuthenticationError,
    HttpResponseError,
    ServiceRequestError,
    ServiceResponseError,
)
from azure.identity import CredentialUnavailableError, DefaultAzureCredential

from costs.bills.clouds.patience import retry_after
from costs.bills.clouds.trouble import (
    Busy,
    Changed,
    CloudTrouble,
    Denied,
    Expired,
    NoCredentials,
    NotThere,
    Refused,
)

MANAGEMENT: Final = "https://management.azure.com"
BLOB: Final = "https://{account}.blob.core.windows.net"
# Azure names the action and the scope that were not allowed.
NOT_AUTHORIZED = re.compile(
    r"perform action '(?P<action>[^']+)'(?: (?:over|on) (?:scope|resource) '(?P<scope>[^']+)')?"
)
NOTHING_FOUND = (
    "no Azure credentials were found: neither in the environment nor a workload or managed identity"
    " of this machine"
)
WAITS: Final[dict[str, Any]] = {
    # Our Patience tries again; the SDK does not.
    "retry_total": 0,
    "connection_timeout": 10,
    "read_timeout": 120,
    "user_agent": "headroom",
}


@dataclass(frozen=True)
class Endpoints:
    """Where Azure answers: its own addresses, unless the environment says otherwise."""

    management: str = MANAGEMENT
    blob: str = BLOB
    """With ``{account}`` in the place of the storage account."""

    def account(self, name: str) -> str:
        """The address of a storage account."""
        return self.blob.replace("{account}", name)

    def check(self, link: str) -> str:
        """A link that an answer of the management API leads to: only ever to the same server."""
        there, here = urlsplit(link), urlsplit(self.management)
        if (there.scheme, there.netloc) != (here.scheme, here.netloc):
            raise Refused(f"Azure leads to another server, {there.hostname}, which is not followed")
        return link


def credential(identity: str) -> TokenCredential:
    """The standard chain; ``identity`` is the client ID of a user-assigned managed identity."""
    more = {"managed_identity_client_id": identity} if identity else {}
    return DefaultAzureCredential(
        exclude_interactive_browser_credential=True,
        exclude_visual_studio_code_credential=True,
        exclude_shared_token_cache_credential=True,
        process_timeout=20,
        **more,
    )


def translated[T](call: Callable[[], T], permission: str, resource: str) -> T:
    """``call()``, whose errors become ours: ``permission`` on ``resource`` is what it takes."""
    try:
        return call()
    except CredentialUnavailableError as error:
        raise NoCredentials(NOTHING_FOUND) from error
    except ClientAuthenticationError as error:
        if error.response is None:
            # The chain itself: it says what each of its links said, over many lines.
            found = "no credential" not in str(error).lower() and "AADSTS" in str(error)
            code = re.search(r"AADSTS\d+", str(error))
            raise NoCredentials(
                f"Azure does not accept the credentials ({code[0] if code else 'sign-in failed'})"
                if found
                else NOTHING_FOUND
            ) from error
        raise of_answer(error.response, permission, resource) from error
    except HttpResponseError as error:
        if error.response is None:
            raise Busy(f"the connection to Azure broke off ({type(error).__name__})") from error
        raise of_answer(error.response, permission, resource) from error
    except (ServiceRequestError, ServiceResponseError) as error:
        if "CERTIFICATE_VERIFY_FAILED" in str(error):
            raise Refused("Azure could not be trusted: its certificate is not good") from error
        raise Busy(f"Azure could not be reached ({type(error).__name__})") from error
    except AzureError as error:
        raise Refused(f"Azure: {one_line(str(error))[:300]}") from error
    except CloudTrouble:
        raise
    except OSError as error:
        raise Busy(f"the connection to Azure broke off ({type(error).__name__})") from error


def of_answer(response: Any, permission: str, resource: str) -> CloudTrouble:
    """What an answer that is no success means. ``response`` is an HTTP response of the SDK."""
    status = int(response.status_code)
    headers = {str(name): str(value) for name, value in response.headers.items()}
    code, said = _error_of(response)
    code = headers.get("x-ms-error-code", "") or code
    if status in {408, 429} or status >= 500:
        why = "answers that we ask too often" if status == 429 else "has an error"
        return Busy(f"Azure {why} ({code or status})", retry_after(headers, datetime.now(UTC)))
    if status == 401:
        if "expired" in f"{code} {said}".lower():
            return Expired("the Azure credentials have expired")
        return NoCredentials(f"Azure does not accept the credentials ({code or status})")
    if status == 403:
        if "expired" in said.lower():
            return Expired("the link of Azure has expired")
        told = NOT_AUTHORIZED.search(said)
        if told:
            return Denied(told["action"], told["scope"] or resource)
        hint = "the firewall of the storage account may be in the way" if code in _WALLS else ""
        return Denied(permission, resource, hint)
    if status == 404:
        return NotThere(f"{resource} does not exist ({code or status})")
    if status == 412:
        return Changed(f"{resource} was replaced while it was fetched")
    return Refused(f"Azure answers {code or status}: {one_line(said)[:300]}")


_WALLS = {"AuthorizationFailure", "IpAuthorizationError"}


def _error_of(response: Any) -> tuple[str, str]:
    """Code and message of an answer, which may be JSON, XML or nothing."""
    try:
        text = str(response.text())
    except Exception:  # noqa: BLE001  # a body that was never read, or cannot be
        return "", ""
    try:
        content = json.loads(text)
        error = content.get("error", content) if isinstance(content, dict) else {}
        return str(error.get("code", "")), str(error.get("message", ""))
    except (ValueError, AttributeError):
        code = re.search(r"<Code>([^<]{1,100})</Code>", text)
        said = re.search(r"<Message>([^<]{1,1000})", text)
        return (code[1] if code else ""), (said[1] if said else "")


def one_line(text: str) -> str:
    """Text without line breaks and without a full stop at the end."""
    return " ".join(text.split()).rstrip(".")
