"""A stand-in for Lago's API on loopback: paging, errors, rate limit as documented; and faults."""

import gzip
import json
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
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
    requests: list[str] = field(default_factory=list)
    created_per_request: int = 0
    extra_count: int = 0
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
                "current_page": page,
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
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_GET(self) -> None:
            lago.requests.append(self.path)
            url = urlsplit(self.path)
            if self.headers.get("Authorization") != f"Bearer {KEY}":
                return self.answer(401, b'{"status":401,"error":"Unauthorized"}')
            fault = lago.faults.pop(0) if lago.faults else ""
            if not fault and chance.random() < lago.random_faults:
                fault = chance.choice(["429", "500", "503", "drop", "truncate", "html", "slow"])
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
                return self.answer(int(fault), b"oops", **lago.headers)
            if body == b"null":
                return self.answer(404, b'{"status":404,"error":"Not Found"}')
            for _ in range(lago.created_per_request):
                # Newest first: every invoice behind moves on by one.
                newest = {**lago.invoices[0], "lago_id": f"created-{len(lago.invoices)}"}
                lago.invoices.insert(0, newest | {"status": "draft"})
            return self.answer(200, body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    lago.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield lago
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
