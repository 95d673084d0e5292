"""A small Azure on loopback: managed identity, Cost Management and Blob Storage, over HTTPS.

The shapes are those of Microsoft's REST reference, written anew. It answers questions about the
cost rows it is given as the real one does: filters, groups, sums, pages.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import ssl
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit
from xml.sax.saxutils import escape

from tests.bills.clouds.gateway import Fault

FAR = 4_000_000_000
"""An expiry, in seconds since 1970, that no test reaches."""


@dataclass
class Blob:
    content: bytes
    modified: datetime = datetime(2026, 4, 1, tzinfo=UTC)
    md5: bool = True

    @property
    def etag(self) -> str:
        return f"0x{hashlib.sha1(self.content).hexdigest()[:15].upper()}"

    @property
    def headers(self) -> dict[str, str]:
        digest = base64.b64encode(hashlib.md5(self.content).digest()).decode()
        return {
            "ETag": f'"{self.etag}"',
            "Last-Modified": format_datetime(self.modified, usegmt=True),
            "Content-Type": "text/csv",
            "x-ms-blob-type": "BlockBlob",
            **({"x-ms-blob-content-md5": digest} if self.md5 else {}),
        }


@dataclass
class Report:
    metric: str
    period: Mapping[str, str]
    looks: int = 0


@dataclass
class AzureFake:
    """What is in it, and how it answers."""

    certificate: Path
    costs: list[dict[str, Any]] = field(default_factory=list)
    """Rows with UsageDate, ServiceName, ResourceGroupName, SubscriptionId, ChargeType, Currency,
    ActualCost and AmortizedCost."""
    blobs: dict[str, Blob] = field(default_factory=dict)
    """By ``account/container/name``."""
    reports: dict[str, str] = field(default_factory=dict)
    """Text of a report by metric and month, ``ActualCost 2026-01``."""
    page: int = 1000
    looks_needed: int = 2
    """How often one must look before a report is done."""
    faults: list[Fault] = field(default_factory=list)
    seen: list[tuple[str, str]] = field(default_factory=list)
    token: str = "good-token"
    granted: str = "good-token"
    made: dict[str, Report] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: Any) -> None:
                pass

            def _any(self) -> None:
                fake._answer(self)

            do_GET = do_POST = do_HEAD = _any  # noqa: N815

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: Any) -> None:
                pass  # a client that goes away in the middle is what some tests are about

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate)
        self._https, self._http = (Server(("127.0.0.1", 0), Handler) for _ in range(2))
        self._https.socket = context.wrap_socket(
            self._https.socket, server_side=True, do_handshake_on_connect=False
        )
        self._threads = [
            threading.Thread(target=server.serve_forever, daemon=True)
            for server in (self._https, self._http)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self._https.server_port}"

    @property
    def environ(self) -> dict[str, str]:
        """What the standard chain and our settings need to find it."""
        return {
            "IDENTITY_ENDPOINT": f"http://127.0.0.1:{self._http.server_port}/msi/token",
            "IDENTITY_HEADER": "known to the fake",
            "REQUESTS_CA_BUNDLE": str(self.certificate),
            "HEADROOM_AZURE_ENDPOINT": self.url,
            "HEADROOM_AZURE_BLOB_ENDPOINT": f"{self.url}/{{account}}",
        }

    def close(self) -> None:
        for server in (self._https, self._http):
            server.shutdown()
            server.server_close()
        for thread in self._threads:
            thread.join()

    def asked(self, part: str) -> list[str]:
        return [path for _, path in self.seen if part in path]

    # -- answering --------------------------------------------------------------------------------

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        fault = self._fault(handler.command, handler.path, body)
        if fault and fault.status:
            self._send(handler, fault.status, {**fault.headers}, fault.body)
            return
        parts = urlsplit(handler.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        path = unquote(parts.path)
        if path == "/msi/token":
            token = {
                "access_token": self.token,
                "expires_on": str(FAR),
                "resource": query.get("resource", ""),
                "token_type": "Bearer",
            }
            self._send(handler, 200, {}, json.dumps(token).encode())
            return
        if "sig" not in query and handler.headers.get("Authorization") != f"Bearer {self.granted}":
            self._send(handler, 401, {}, azure_error(401, "InvalidAuthenticationToken")["body"])
            return
        if "Microsoft.CostManagement" in path:
            self._management(handler, path, query, body)
        elif query.get("comp") == "list":
            self._list(handler, path.strip("/"), query)
        else:
            self._blob(handler, path.strip("/"), fault)

    def _fault(self, method: str, path: str, body: bytes) -> Fault | None:
        with self._lock:
            self.seen.append((method, path))
            for fault in self.faults:
                if fault.times > 0 and fault.when(method, path, body):
                    if fault.skip:
                        fault.skip -= 1
                        return None
                    fault.times -= 1
                    return fault
        return None

    def _management(
        self, handler: BaseHTTPRequestHandler, path: str, query: Mapping[str, str], body: bytes
    ) -> None:
        if path.lower().endswith("/query"):
            start = int(query.get("$skiptoken", 0))
            self._send(handler, 200, {}, self._query(path, json.loads(body), start))
        elif path.endswith("/generateCostDetailsReport"):
            asked = json.loads(body)
            name = f"{len(self.made):08}-0000-0000-0000-000000000000"
            self.made[name] = Report(asked["metric"], asked["timePeriod"])
            place = path.replace("generateCostDetailsReport", f"costDetailsOperationResults/{name}")
            location = f"{self.url}{place}?api-version=2025-03-01"
            self._send(handler, 202, {"Location": location, "Retry-After": "20"}, b"")
        else:
            self._report(handler, path.rpartition("/")[2])

    def _query(self, path: str, asked: Mapping[str, Any], start: int) -> bytes:
        dataset = asked["dataset"]
        first, last = (asked["timePeriod"][name][:10].replace("-", "") for name in ("from", "to"))
        only = dataset.get("filter", {}).get("dimensions", {})
        groups = [one["name"] for one in dataset.get("grouping", ())]
        daily = dataset["granularity"] == "Daily"
        sums: dict[tuple[Any, ...], Decimal] = {}
        for row in self.costs:
            if not int(first) <= row["UsageDate"] <= int(last):
                continue
            if only and row[only["name"]] not in only["values"]:
                continue
            cost = Decimal(row[asked["type"]])
            if not cost:
                continue
            key = (
                *(row[name] for name in groups),
                row["UsageDate"] if daily else 0,
                row["Currency"],
            )
            sums[key] = sums.get(key, Decimal(0)) + cost
        # Never in the order that somebody may count on.
        columns = ["Currency", *groups, "Cost", *(["UsageDate"] if daily else [])]
        rows = []
        for key, cost in sums.items():
            found = dict(zip([*groups, "UsageDate", "Currency"], key, strict=True)) | {"Cost": cost}
            rows.append([found[name] for name in columns])
        more = start + self.page < len(rows)
        link = f"{self.url}{quote(path)}?api-version=2025-03-01&$skiptoken={start + self.page}"
        answer = {
            "id": path,
            "type": "Microsoft.CostManagement/query",
            "properties": {
                "nextLink": link if more else None,
                "columns": [{"name": name, "type": "…"} for name in columns],
                "rows": rows[start : start + self.page],
            },
        }
        # A cost is a bare number with all of its digits.
        text = json.dumps(answer, default=lambda cost: f"<{cost}>")
        return re.sub(r'"<([^>"]*)>"', r"\1", text).encode()

    def _report(self, handler: BaseHTTPRequestHandler, name: str) -> None:
        report = self.made[name]
        report.looks += 1
        if report.looks < self.looks_needed:
            self._send(
                handler, 202, {"Location": f"{self.url}{handler.path}", "Retry-After": "30"}, b""
            )
            return
        text = self.reports.get(f"{report.metric} {report.period['start'][:7]}")
        if text is None:
            self._send(
                handler, 200, {}, json.dumps({"name": name, "status": "NoDataFound"}).encode()
            )
            return
        self.blobs[f"reports/made/{name}.csv"] = Blob(text.encode())
        manifest = {
            "manifestVersion": "2025-03-01",
            "dataFormat": "Csv",
            "blobCount": 1,
            "byteCount": len(text),
            "compressData": False,
            "blobs": [
                {
                    "blobLink": f"{self.url}/reports/made/{name}.csv?sv=2020-05-31&sig=verysecret",
                    "byteCount": len(text),
                }
            ],
        }
        answer = {"name": name, "status": "Completed", "manifest": manifest}
        self._send(handler, 200, {}, json.dumps(answer).encode())

    def _list(
        self, handler: BaseHTTPRequestHandler, container: str, query: Mapping[str, str]
    ) -> None:
        prefix = f"{container}/{query.get('prefix', '')}"
        names = sorted(name for name in self.blobs if name.startswith(prefix))
        if not any(name.startswith(f"{container}/") for name in self.blobs):
            self._send(handler, 404, {"x-ms-error-code": "ContainerNotFound"}, b"")
            return
        start = int(query.get("marker") or 0)
        found = "".join(self._entry(name) for name in names[start : start + self.page])
        marker = str(start + self.page) if start + self.page < len(names) else ""
        text = (
            '<?xml version="1.0" encoding="utf-8"?><EnumerationResults>'
            f"<Blobs>{found}</Blobs><NextMarker>{marker}</NextMarker></EnumerationResults>"
        )
        self._send(handler, 200, {"Content-Type": "application/xml"}, text.encode())

    def _entry(self, name: str) -> str:
        blob = self.blobs[name]
        headers = blob.headers
        md5 = headers.get("x-ms-blob-content-md5", "")
        return (
            f"<Blob><Name>{escape(name.split('/', 2)[2])}</Name><Properties>"
            f"<Last-Modified>{headers['Last-Modified']}</Last-Modified><Etag>{blob.etag}</Etag>"
            f"<Content-Length>{len(blob.content)}</Content-Length>"
            f"{f'<Content-MD5>{md5}</Content-MD5>' if md5 else ''}"
            "<BlobType>BlockBlob</BlobType></Properties></Blob>"
        )

    def _blob(self, handler: BaseHTTPRequestHandler, name: str, fault: Fault | None) -> None:
        blob = self.blobs.get(name)
        if blob is None:
            self._send(handler, 404, {"x-ms-error-code": "BlobNotFound"}, b"")
            return
        wanted = handler.headers.get("If-Match")
        if wanted and wanted.strip('"') != blob.etag:
            self._send(handler, 412, {"x-ms-error-code": "ConditionNotMet"}, b"")
            return
        size = len(blob.content)
        told = re.match(r"bytes=(\d+)-(\d*)", handler.headers.get("x-ms-range") or "")
        if handler.command == "HEAD" or not told:
            headers = blob.headers | {"Content-Length": str(size)}
            self._send(handler, 200, headers, b"" if handler.command == "HEAD" else blob.content)
            return
        start, end = int(told[1]), min(int(told[2] or size - 1), size - 1)
        headers = blob.headers | {"Content-Range": f"bytes {start}-{end}/{size}"}
        self._send(handler, 206, headers, blob.content[start : end + 1], fault)

    @staticmethod
    def _send(
        handler: BaseHTTPRequestHandler,
        status: int,
        headers: dict[str, str],
        body: bytes,
        fault: Fault | None = None,
    ) -> None:
        handler.send_response(status)
        headers = {"Content-Type": "application/json", "Content-Length": str(len(body)), **headers}
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.end_headers()
        if handler.command == "HEAD":
            return
        if fault and fault.cut:
            handler.wfile.write(body[: len(body) // 2])
            handler.wfile.flush()
            handler.close_connection = True
            handler.connection.close()
            return
        handler.wfile.write(body)


def azure_error(status: int, code: str, message: str = "made by a test") -> dict[str, Any]:
    """The arguments of a fault with which Azure says no."""
    body = json.dumps({"error": {"code": code, "message": message}}).encode()
    return {"status": status, "body": body, "headers": {"Content-Type": "application/json"}}
