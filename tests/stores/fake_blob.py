"""What Azure's own SDK needs of a Blob service, on loopback: one account, any containers."""

from __future__ import annotations

import base64
import hashlib
import threading
import xml.etree.ElementTree as ET
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

ACCOUNT = "fakeaccount"
KEY = base64.b64encode(b"no secret, just a key").decode()
HOST = f"{ACCOUNT}.dfs.core.windows.net"
PAGE = 7
"""Blobs that a listing gives at once, few so that listings have pages."""


def connection_string(url: str) -> str:
    """What the SDK is told to find the service at ``url``."""
    return (
        f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={KEY};"
        f"BlobEndpoint={url}/{ACCOUNT};"
    )


@dataclass
class Blob:
    content: bytes
    metadata: dict[str, str]
    changed: datetime = field(default_factory=lambda: datetime.now(UTC))
    version: int = 1

    @property
    def etag(self) -> str:
        return f'"{hashlib.sha256(self.content).hexdigest()[:16]}-{self.version}"'

    def headers(self) -> dict[str, str]:
        return {
            "ETag": self.etag,
            "Last-Modified": format_datetime(self.changed, usegmt=True),
            "x-ms-blob-type": "BlockBlob",
            "Content-Type": "application/octet-stream",
            "Accept-Ranges": "bytes",
            **{f"x-ms-meta-{name}": value for name, value in self.metadata.items()},
        }


class FakeBlobs(ThreadingHTTPServer):
    """Containers are made by :meth:`add_container`; ``blobs`` maps container to name to blob."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.blobs: dict[str, dict[str, Blob]] = {}
        self.blocks: dict[tuple[str, str], dict[str, bytes]] = {}
        self.lock = threading.Lock()
        threading.Thread(
            target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        ).start()

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def add_container(self, name: str) -> None:
        self.blobs[name] = {}

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that hang up are what some tests are for."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FakeBlobs

    def _handle(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        _, account, container, *rest = parts.path.split("/", 3)
        name = unquote(rest[0]) if rest else ""
        signed = self.headers.get("Authorization", "").startswith(f"SharedKey {ACCOUNT}:")
        if account != ACCOUNT or not signed:
            return self._error(403, "AuthenticationFailed")
        with self.server.lock:
            blobs = self.server.blobs.get(container)
            if blobs is None:
                return self._error(404, "ContainerNotFound")
            if query.get("comp") == "list":
                return self._list(blobs, query)
            if self.command == "PUT":
                return self._put(container, blobs, name, query, body)
            blob = blobs.get(name)
            if blob is None:
                return self._error(404, "BlobNotFound")
            if self.command == "DELETE":
                del blobs[name]
                return self._answer(202, {})
            wanted = self.headers.get("If-Match")
            if wanted and wanted != blob.etag:
                return self._error(412, "ConditionNotMet")
            return self._get(blob)

    def _get(self, blob: Blob) -> None:
        whole = blob.content
        asked = self.headers.get("x-ms-range") or self.headers.get("Range")
        if self.command == "HEAD" or not asked:
            return self._answer(200, {**blob.headers(), "Content-Length": str(len(whole))}, whole)
        first, _, last = asked.removeprefix("bytes=").partition("-")
        if int(first) >= len(whole):
            return self._error(416, "InvalidRange")
        end = min(int(last or len(whole)), len(whole) - 1)
        part = whole[int(first) : end + 1]
        spread = f"bytes {first}-{end}/{len(whole)}"
        return self._answer(206, {**blob.headers(), "Content-Range": spread}, part)

    def _put(
        self, container: str, blobs: dict[str, Blob], name: str, query: dict[str, str], body: bytes
    ) -> None:
        metadata = {
            key.lower().removeprefix("x-ms-meta-"): value
            for key, value in self.headers.items()
            if key.lower().startswith("x-ms-meta-")
        }
        blocks = self.server.blocks.setdefault((container, name), {})
        match query.get("comp"):
            case "block":
                blocks[query["blockid"]] = body
                return self._answer(201, {})
            case "blocklist":
                listed = [one.text or "" for one in ET.fromstring(body)]
                blobs[name] = Blob(b"".join(blocks[one] for one in listed), metadata)
                del self.server.blocks[container, name]
            case "metadata":
                if name not in blobs:
                    return self._error(404, "BlobNotFound")
                old = blobs[name]
                blobs[name] = Blob(old.content, metadata, version=old.version + 1)
                return self._answer(200, blobs[name].headers())
            case _:
                blobs[name] = Blob(body, metadata)
        return self._answer(201, blobs[name].headers())

    def _list(self, blobs: dict[str, Blob], query: dict[str, str]) -> None:
        names = sorted(name for name in blobs if name.startswith(query.get("prefix", "")))
        start = int(query.get("marker") or 0)
        shown = names[start : start + PAGE]
        marker = str(start + PAGE) if start + PAGE < len(names) else ""
        listed = "".join(
            f"<Blob><Name>{escape(name)}</Name><Properties>"
            f"<Last-Modified>{format_datetime(blobs[name].changed, usegmt=True)}</Last-Modified>"
            f"<Etag>{escape(blobs[name].etag)}</Etag>"
            f"<Content-Length>{len(blobs[name].content)}</Content-Length>"
            "<BlobType>BlockBlob</BlobType></Properties></Blob>"
            for name in shown
        )
        body = (
            '<?xml version="1.0" encoding="utf-8"?><EnumerationResults ServiceEndpoint="fake">'
            f"<Prefix>{escape(query.get('prefix', ''))}</Prefix>"
            f"<Blobs>{listed}</Blobs><NextMarker>{marker}</NextMarker></EnumerationResults>"
        )
        self._answer(200, {"Content-Type": "application/xml"}, body.encode())

    def _error(self, status: int, code: str) -> None:
        body = f'<?xml version="1.0"?><Error><Code>{code}</Code><Message>no</Message></Error>'
        self._answer(
            status, {"x-ms-error-code": code, "Content-Type": "application/xml"}, body.encode()
        )

    def _answer(self, status: int, headers: dict[str, str], body: bytes = b"") -> None:
        self.send_response_only(status)
        for name, value in {"x-ms-version": "2025-01-05", **headers}.items():
            self.send_header(name, value)
        if "Content-Length" not in headers:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_PUT = do_DELETE = do_HEAD = _handle  # noqa: N815

    def log_message(self, *args: object) -> None:
        """Say nothing."""
