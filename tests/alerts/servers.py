"""Mail servers on loopback that are well or ill, and a web server for channels."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session


class Inbox:
    """An aiosmtpd handler that keeps what it accepts."""

    def __init__(self, *, refuses: str = "", answer: str = "250 OK", slow: float = 0.0) -> None:
        self.mails: list[EmailMessage] = []
        self.to: list[str] = []
        self.refuses, self.answer, self.slow = refuses, answer, slow
        self.dies = False

    async def handle_RCPT(  # noqa: N802  # aiosmtpd's name
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address == self.refuses:
            return "550 5.1.1 No such user here"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self.slow:
            await asyncio.sleep(self.slow)
        if self.answer.startswith("250"):
            content = envelope.content if isinstance(envelope.content, bytes) else b""
            self.mails.append(BytesParser(policy=default).parsebytes(content))
            self.to += envelope.rcpt_tos
        if self.dies:
            # It has the mail, and the connection ends before it can say so.
            server.transport.abort()  # type: ignore[union-attr]
        return self.answer


@contextmanager
def smtp(inbox: Inbox) -> Iterator[int]:
    """A real SMTP server; its port."""
    controller = Controller(inbox, hostname="127.0.0.1", port=free_port())
    controller.start()
    try:
        yield int(controller.port)
    finally:
        controller.stop()


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextmanager
def silent() -> Iterator[tuple[int, threading.Event]]:
    """A server that takes the connection and never says a word; set once somebody came."""
    listener = socket.create_server(("127.0.0.1", 0))
    came, over = threading.Event(), threading.Event()

    def accept() -> None:
        held = []
        listener.settimeout(0.2)
        while not over.is_set():
            try:
                held.append(listener.accept()[0])
                came.set()
            except TimeoutError:
                continue
        for one in held:
            one.close()

    thread = threading.Thread(target=accept)
    thread.start()
    try:
        yield int(listener.getsockname()[1]), came
    finally:
        over.set()
        thread.join()
        listener.close()


@contextmanager
def web(status: int = 200, *, hangs_up: bool = False) -> Iterator[tuple[int, list[dict[str, Any]]]]:
    """A web server that answers every POST alike; its port and what came."""
    came: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            came.append({"path": self.path, "body": body.decode(), "headers": dict(self.headers)})
            if hangs_up:
                self.connection.close()
                return
            self.send_response(status)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Nothing on stderr."""

        def finish(self) -> None:
            if not hangs_up:
                super().finish()

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server.server_port, came
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
