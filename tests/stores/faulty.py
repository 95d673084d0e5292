"""A proxy on loopback that does to some requests what networks and clouds do."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal

HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "content-length", "expect", "host"}


@dataclass
class Fault:
    """What happens to the next ``times`` requests of ``method`` whose path holds ``holding``."""

    action: int | Literal["truncate", "drop", "before"]
    """A status, half the body, a cut connection, or a cut one after the request was carried out."""
    method: str = ""
    holding: str = ""
    times: int = 1_000_000
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    after: Callable[[], None] | None = None

    def meets(self, method: str, path: str) -> bool:
        return self.times > 0 and method.startswith(self.method) and self.holding in path


class Faulty(ThreadingHTTPServer):
    """Forwards to ``port`` of this machine; ``faults`` are tried in order."""

    daemon_threads = True

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.port = port
        self.faults: list[Fault] = []
        self.requests: list[tuple[str, str]] = []
        """Method and path of all requests, in order."""
        self.lock = threading.Lock()
        threading.Thread(
            target=self.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True
        ).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def fault_of(self, method: str, path: str) -> Fault | None:
        with self.lock:
            self.requests.append((method, path))
            for fault in self.faults:
                if fault.meets(method, path):
                    fault.times -= 1
                    return fault
        return None

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that hang up are what this is for."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Faulty

    def _forward(self) -> None:
        body = self._body()
        fault = self.server.fault_of(self.command, self.path)
        if fault and fault.action == "drop":
            self.close_connection = True
            return
        if fault and isinstance(fault.action, int):
            self._answer(fault.action, dict(fault.headers), fault.body)
            return
        onward = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=30)
        headers = {
            name: value for name, value in self.headers.items() if name.lower() not in HOP_BY_HOP
        }
        onward.request(self.command, self.path, body, headers)
        answer = onward.getresponse()
        said = answer.read()
        onward.close()
        if fault and fault.after:
            fault.after()
        if fault and fault.action == "before":
            self.close_connection = True
            return
        kept = {
            name: value for name, value in answer.headers.items() if name.lower() not in HOP_BY_HOP
        }
        if self.command == "HEAD":
            kept["Content-Length"] = answer.headers.get("Content-Length", "0")
            self._answer(answer.status, kept, b"")
        elif fault and fault.action == "truncate":
            kept["Content-Length"] = str(len(said))
            self._answer(answer.status, kept, said[: len(said) // 2])
            self.close_connection = True
        else:
            self._answer(answer.status, kept, said)

    def _answer(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.send_response_only(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if "Content-Length" not in headers:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _body(self) -> bytes:
        if "chunked" not in self.headers.get("Transfer-Encoding", ""):
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        whole = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            whole += self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass
        return whole

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _forward  # noqa: N815

    def log_message(self, *args: object) -> None:
        """Say nothing."""
