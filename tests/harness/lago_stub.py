"""A stand-in for Lago's API on loopback: paging, errors, rate limit as documented; and faults."""

import gzip
import json
import random
import socket
import ssl
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

KEY = "planted-key-0b51"


@dataclass
class Lago:
    """What the stub answers; tests change it while it runs."""

    organization: dict[str, Any]
    billing_entities: list[dict[str, Any]] | None
    invoices: list[dict[str, Any]]
    faults: list[str] = field(default_factory=list)
    """What to do instead of answering, in this order: a status, or the name of a fault."""
    random_faults: float = 0.0
    collection: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    refusal: bytes = b"oops"
    """The body of an answer with a status that is a fault."""
    requests: list[str] = field(default_factory=list)
    created_per_request: int = 0
    extra_count: int = 0
    secured: dict[str, Path] = field(default_factory=dict)
    """The certificate and its key, where it speaks TLS."""
    url: str = ""

    def body(self, path: str, query: dict[str, str]) -> Any:
        """The body of a response; None where there is nothing under that path."""
        if path == "/api/v1/organizations":
            return {"organization": self.organization}
        if path == "/api/v1/billing_entities" and self.billing_entities is not None:
            return {"billing_entities": self.billing_entities}
        if path == "/api/v1/analytics/invoice_collection":
            return self.collection
        if path != "/api/v1/invoices":
            return None
        page, size = int(query.get("page", 1)), int(query.get("per_page", 100))
        count = len(self.invoices)
        pages = -(-count // size)
        return {
            "invoices": self.invoices[(page - 1) * size : page * size],
            "meta": {
                "current_page": page if count else 0,
                "next_page": page + 1 if page < pages else None,
                "prev_page": page - 1 if page > 1 else None,
                "total_pages": pages,
                "total_count": count + self.extra_count,
            },
        }


def saved(directory: Path) -> Lago:
    """A stub with what saved API responses hold."""
    organization = json.loads((directory / "organization.json").read_text())["organization"]
    entities = json.loads((directory / "billing_entities.json").read_text())["billing_entities"]
    invoices = []
    for file in sorted(directory.glob("invoices-page-*.json.gz")):
        invoices += json.loads(gzip.decompress(file.read_bytes()))["invoices"]
    return Lago(organization, entities, invoices)


def bomb() -> Iterator[bytes]:
    """Gzip of blanks without end: a thousandth of what it unpacks to."""
    zipped = zlib.compressobj(wbits=31)
    while True:
        yield zipped.compress(bytes(1 << 20)) + zipped.flush(zlib.Z_SYNC_FLUSH)


@contextmanager
def running(lago: Lago) -> Iterator[Lago]:
    """Serve it on loopback."""
    chance = random.Random(7)

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def answer(self, status: int, body: bytes, **headers: str) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name.replace("_", "-"), value)
            kind = "text/html" if body.startswith(b"<") else "application/json"
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def zipped(self, parts: Iterator[bytes]) -> None:
            """As nginx does before Lago: in chunks, whose sum is not announced."""
            self.send_response(200)
            self.send_header("Content-Encoding", "gzip")
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            for part in parts:
                self.wfile.write(b"%x\r\n%s\r\n" % (len(part), part))
            self.wfile.write(b"0\r\n\r\n")

        def dribble(self, text: bytes) -> None:
            """A byte now and then, and no end."""
            self.close_connection = True
            for byte in text:
                self.wfile.write(bytes([byte]))
                self.wfile.flush()
                time.sleep(0.05)

        def do_GET(self) -> None:
            lago.requests.append(self.path)
            url = urlsplit(self.path)
            if self.headers.get("Authorization") != f"Bearer {KEY}":
                return self.answer(401, b'{"status":401,"error":"Unauthorized"}')
            fault = lago.faults.pop(0) if lago.faults else ""
            if not fault and chance.random() < lago.random_faults:
                fault = chance.choice(["429", "500", "503", "drop", "truncate", "half", "slow"])
            body = json.dumps(lago.body(url.path, dict(parse_qsl(url.query)))).encode()
            if fault == "drop":
                self.close_connection = True
                return None
            if fault == "truncate":
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body[: len(body) // 2])
                self.close_connection = True
                return None
            if fault == "html":
                return self.answer(200, b"<html>hello</html>")
            if fault == "json":
                return self.answer(200, b'{"login": "needed"}')
            if fault == "list":
                return self.answer(200, b"[]")
            if fault == "nan":
                return self.answer(200, body.replace(b": ", b': NaN, "more": ', 1))
            if fault == "latin":
                return self.answer(200, body.replace(b'"name": "', b'"name": "\xfc', 1))
            if fault == "bom":
                return self.answer(200, b"\xef\xbb\xbf" + body)
            if fault == "empty":
                return self.answer(200, b"")
            if fault == "gzip":
                return self.zipped(iter([gzip.compress(body)]))
            if fault == "half gzip":
                return self.zipped(iter([gzip.compress(body)[:-20]]))
            if fault == "no gzip":
                return self.zipped(iter([body]))
            if fault == "brotli":
                return self.answer(200, b"\x8b\x02\x80[]\x03", Content_Encoding="br")
            if fault == "bomb":
                with suppress(OSError):
                    self.zipped(bomb())
                return None
            if fault in ("dribble", "dribbled head"):
                head = b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n"
                with suppress(OSError):
                    if fault == "dribble":
                        self.wfile.write(head + b"\r\n")
                    self.dribble(b" " * 9999 if fault == "dribble" else head * 99)
                return None
            if fault == "gone":
                # No connection is taken any more; this answer is the last.
                server.socket.shutdown(socket.SHUT_RDWR)
                return self.answer(200, body, Connection="close")
            if fault == "half":
                return self.answer(200, body[: len(body) // 2])
            if fault == "without id":
                return self.answer(200, body.replace(b'"lago_id"', b'"other_id"'))
            if fault == "page":
                return self.answer(200, body.replace(b'"current_page": ', b'"current_page": 9'))
            if fault in ("slow", "hang"):
                time.sleep(0.05 if fault == "slow" else 0.4)
            elif fault == "429":
                limit = {"X_RateLimit_Limit": "50", "X_RateLimit_Remaining": "0"}
                limit["X_RateLimit_Reset"] = "0"
                return self.answer(429, b"{}", **(limit | lago.headers))
            elif fault:
                return self.answer(int(fault), lago.refusal, **lago.headers)
            if body == b"null":
                return self.answer(404, b'{"status":404,"error":"Not Found"}')
            for _ in range(lago.created_per_request):
                # Newest first: every invoice behind moves on by one.
                newest = {**lago.invoices[0], "lago_id": f"created-{len(lago.invoices)}"}
                lago.invoices.insert(0, newest | {"status": "draft"})
            return self.answer(200, body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    if lago.secured:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(**lago.secured)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    lago.url = f"http{'s' if lago.secured else ''}://127.0.0.1:{server.server_port}"
    try:
        yield lago
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
