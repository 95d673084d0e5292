"""Signing in to AWS by its standard chain, and what its errors mean.

Source of the error codes: AWS, "Common errors" of S3, STS and Cost Explorer.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import boto3
from botocore.config import Config
from botocore.credentials import RefreshableCredentials, create_assume_role_refresher
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    CredentialRetrievalError,
    HTTPClientError,
    IncompleteReadError,
    NoCredentialsError,
    PartialCredentialsError,
    ProfileNotFound,
    SSLError,
    SSOTokenLoadError,
    TokenRetrievalError,
    UnauthorizedSSOTokenError,
)
from botocore.parsers import ResponseParserError
from botocore.session import get_session

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

EXPIRED = {"ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"}
REFUSED_KEYS = {
    "AuthFailure",
    "IncompleteSignature",
    "InvalidAccessKeyId",
    "InvalidClientTokenId",
    "InvalidToken",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
}
DENIED = {"403", "AccessDenied", "AccessDeniedException", "Forbidden", "UnauthorizedOperation"}
BUSY = {
    "BandwidthLimitExceeded",
    "LimitExceededException",
    "PriorRequestNotComplete",
    "RequestLimitExceeded",
    "RequestThrottled",
    "RequestTimeout",
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
}
NOT_AUTHORIZED = re.compile(
    r"not authorized to perform: ([\w-]+:\w+)(?: on resource: \"?(arn:[^\s\"<]+))?"
)
SESSION = "headroom"
"""What CloudTrail shows as the name of our session in an assumed role."""
NOTHING_FOUND = (
    "no AWS credentials were found in the environment, the shared files, or the role of this"
    " machine"
)


def client(service: str, *, region: str, profile: str, role: str, external_id: str) -> Any:
    """A client with credentials of the standard chain, through ``role`` where one is given.

    Raises :class:`CloudTrouble`. Our :class:`~costs.bills.clouds.patience.Patience` tries again.
    """
    config = Config(
        connect_timeout=10,
        read_timeout=60,
        retries={"total_max_attempts": 1, "mode": "standard"},
        user_agent_extra="headroom",
    )

    def make() -> Any:
        # Untyped: the stubs know a method per service, and the service is an argument here.
        session: Any = boto3.Session(profile_name=profile or None, region_name=region or None)
        if role:
            session = _in_role(session, role, external_id, region, config)
        return session.client(service, config=config, region_name=region or None)

    return translated(make, "sts:AssumeRole", role)


def _in_role(
    session: boto3.Session, role: str, external_id: str, region: str, config: Config
) -> boto3.Session:
    """A session in the role: its hour is renewed by itself as long as the chain can sign in."""
    asked = {"RoleArn": role, "RoleSessionName": SESSION}
    if external_id:
        asked["ExternalId"] = external_id
    sts = session.client("sts", config=config, region_name=region or None)
    refresh = create_assume_role_refresher(sts, asked)
    inner = get_session()
    # Botocore has no public way to hand a session credentials that renew themselves.
    inner._credentials = RefreshableCredentials.create_from_metadata(  # type: ignore[attr-defined]
        metadata=refresh(), refresh_using=refresh, method="sts-assume-role"
    )
    return boto3.Session(botocore_session=inner, region_name=region or None)


def translated[T](call: Callable[[], T], permission: str, resource: str) -> T:
    """``call()``, whose errors become ours: ``permission`` on ``resource`` is what it takes."""
    try:
        return call()
    except ClientError as error:
        raise _of_answer(error, permission, resource) from error
    except (NoCredentialsError, PartialCredentialsError) as error:
        raise NoCredentials(NOTHING_FOUND) from error
    except ProfileNotFound as error:
        raise NoCredentials(f"there is no such profile: {_one_line(str(error))}") from error
    except (SSOTokenLoadError, UnauthorizedSSOTokenError, TokenRetrievalError) as error:
        raise Expired("the AWS sign-in has expired; sign in again") from error
    except CredentialRetrievalError as error:
        raise NoCredentials(f"AWS credentials could not be had: {_one_line(str(error))}") from error
    except SSLError as error:
        raise Refused(f"AWS could not be trusted: {_one_line(str(error))}") from error
    except HTTPClientError as error:
        raise Busy(f"AWS could not be reached ({type(error).__name__})") from error
    except (IncompleteReadError, ResponseParserError) as error:
        raise Busy(f"the answer of AWS broke off ({type(error).__name__})") from error
    except BotoCoreError as error:
        raise Refused(_one_line(str(error))) from error
    except CloudTrouble:
        raise
    except (OSError, EOFError) as error:
        raise Busy(f"the connection to AWS broke off ({type(error).__name__})") from error


def _of_answer(error: ClientError, permission: str, resource: str) -> CloudTrouble:
    answer = error.response
    code = str(answer.get("Error", {}).get("Code", ""))
    said = _one_line(str(answer.get("Error", {}).get("Message", "")))
    meta = answer.get("ResponseMetadata", {})
    status = int(meta.get("HTTPStatusCode", 0) or 0)
    headers = {str(k): str(v) for k, v in dict(meta.get("HTTPHeaders", {})).items()}
    if code in EXPIRED:
        return Expired("the AWS credentials have expired")
    if code in REFUSED_KEYS:
        return NoCredentials(f"AWS does not accept the credentials ({code})")
    if code in BUSY or status in {408, 429} or status >= 500:
        why = "answers that we ask too often" if code in BUSY or status == 429 else "has an error"
        return Busy(f"AWS {why} ({code or status})", retry_after(headers, datetime.now(UTC)))
    if code in DENIED or status == 403:
        # AWS may name another one than we asked for: kms:Decrypt of an encrypted bucket.
        if told := NOT_AUTHORIZED.search(said):
            return Denied(told[1], told[2] or resource)
        return Denied(permission, resource)
    if code in {"NoSuchBucket", "NoSuchKey"} or status == 404:
        return NotThere(f"{resource} does not exist ({code or status})")
    if code == "PreconditionFailed" or status == 412:
        return Changed(f"{resource} was replaced while it was fetched")
    return Refused(f"AWS answers {code or status}: {said[:300]}")


def _one_line(text: str) -> str:
    return " ".join(text.split()).rstrip(".")
