"""What can go wrong between us and a cloud, in words for the person who can put it right."""

from __future__ import annotations


class CloudTrouble(Exception):
    """Base of all of it. The message is one sentence without a full stop at the end."""

    passes = False
    """Whether another try, later, may succeed without anybody doing anything."""


class Denied(CloudTrouble):
    """The credentials are good, and lack a permission."""

    def __init__(self, permission: str, resource: str, hint: str = "") -> None:
        self.permission = permission
        self.resource = resource
        super().__init__(f"{permission} on {resource} is denied{f'; {hint}' if hint else ''}")


class NoCredentials(CloudTrouble):
    """The standard chain has found nothing to sign in with, or what it found is refused."""


class Expired(CloudTrouble):
    """The credentials were good and have expired."""

    passes = True


class NotThere(CloudTrouble):
    """What was asked for does not exist."""


class Changed(CloudTrouble):
    """An object was replaced while we fetched it."""

    passes = True


class Refused(CloudTrouble):
    """The cloud does not take the request, and would not take it again."""


class Busy(CloudTrouble):
    """Throttled, unreachable, broken or cut off: to be tried again.

    ``after`` is what the other side asks us to wait, in seconds, where it says so.
    """

    passes = True

    def __init__(self, said: str, after: float | None = None) -> None:
        self.after = after
        super().__init__(said)
