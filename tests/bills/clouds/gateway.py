"""A loopback HTTP server in front of a fake cloud: hands on, and breaks on purpose."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Fault:
    """What to answer instead, ``times`` times, after ``skip`` requests that match went through."""

    when: Callable[[str, str, bytes], bool]
    """Given the method, the path with its query and the body."""
    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    times: int = 1
    skip: int = 0
    cut: bool = False
    """Hand on, but cut the answer's body in the middle."""
    stall: threading.Event | None = None
    """Hand on half of the answer, then wait for this before closing."""


class Gateway:
    """Listens on 127.0.0.1 and forwards to ``port`` of the same machine."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.faults: list[Fault] = []
        self.seen: list[tuple[str, str]] = []
        self.bodies: list[bytes] = []
        self._lock = threading.Lock()
        gateway = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: Any) -> None:
                pass

            def _any(self) -> None:
                gateway._answer(self)

            do_GET = do_POST = do_PUT = do_HEAD = do_DELETE = _any  # noqa: N815

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        for fault in self.faults:
            if fault.stall:
                fault.stall.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def asked(self, method: str, part: str) -> list[str]:
        """The paths asked for with ``method`` that contain ``part``."""
        return [path for seen, path in self.seen if seen == method and part in path]

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

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        fault = self._fault(handler.command, handler.path, body)
        self.bodies.append(body)
        if fault and fault.status:
            self._send(handler, fault.status, {**fault.headers}, fault.body)
            return
        upstream = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            kept = {k: v for k, v in handler.headers.items() if k.lower() != "connection"}
            upstream.request(handler.command, handler.path, body or None, kept)
            answer = upstream.getresponse()
            data = answer.read()
            headers = {
                name: value
                for name, value in answer.getheaders()
                if name.lower() not in {"connection", "transfer-encoding", "content-length"}
            }
            if handler.command == "HEAD":
                headers["Content-Length"] = answer.getheader("Content-Length") or "0"
            self._send(handler, answer.status, headers, data, fault)
        finally:
            upstream.close()

    @staticmethod
    def _send(
        handler: BaseHTTPRequestHandler,
        status: int,
        headers: dict[str, str],
        body: bytes,
        fault: Fault | None = None,
    ) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        if "Content-Length" not in headers:
            handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        if handler.command == "HEAD":
            return
        if fault and (fault.cut or fault.stall):
            handler.wfile.write(body[: len(body) // 2])
            handler.wfile.flush()
            if fault.stall:
                fault.stall.wait(60)
            handler.close_connection = True
            handler.connection.close()
            return
        handler.wfile.write(body)


def aws_error(status: int, code: str, message: str = "made by a test") -> dict[str, Any]:
    """The arguments of a fault with which S3 says no."""
    body = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    return {
        "status": status,
        "body": body.encode(),
        "headers": {"Content-Type": "application/xml"},
    }


def json_error(status: int, code: str, message: str = "made by a test") -> dict[str, Any]:
    """The arguments of a fault with which Cost Explorer says no."""
    body = f'{{"__type": "{code}", "message": "{message}"}}'
    return {
        "status": status,
        "body": body.encode(),
        "headers": {"Content-Type": "application/x-amz-json-1.1", "x-amzn-ErrorType": code},
    }
