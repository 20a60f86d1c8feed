"""The HTTP API over the published version."""

import asyncio
import contextlib
import hashlib
import json
import os
import re
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, cast

import h11
import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from uvicorn.protocols.http.h11_impl import H11Protocol

from harness.api.keys import Keys, read_keys
from harness.collection import contract
from harness.collection.answers import PATH, Answer, answer_query, error
from harness.collection.collection import Published, published
from harness.foundation.errors import HarnessError
from harness.foundation.home import Home, now
from harness.load.origin import SAMPLE

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]

SECONDS_PER_REQUEST = 30.0
"""How long a request may take, from the end of the answer before it to the end of its own."""

_BEARER = re.compile(rb"bearer ([\w.~+/-]+=*)", re.IGNORECASE)
_KEY = re.compile(r"lic_[\w%-]+")
_BYTES_KEPT = 16_000_000
_SECONDS_TO_RETRY = 1.0


def serve(home: Home, host: str, port: int) -> None:
    """Serve until SIGTERM or SIGINT; requests in flight are finished.

    Raises HarnessError where it cannot listen.
    """
    listener = _listen(host, port)
    config = uvicorn.Config(
        application(home),
        http=_Protocol,
        ws="none",
        lifespan="off",
        access_log=False,
        log_level="error",
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=30,
    )
    for each in (signal.SIGINT, signal.SIGTERM):
        # uvicorn stops at the first, and raises it again when all is finished.
        signal.signal(each, lambda *_: sys.exit(0))
    address = f"[{host}]" if ":" in host else host
    _log(f"serving http://{address}:{listener.getsockname()[1]}")
    uvicorn.Server(config).run([listener])


def application(home: Home) -> Application:
    """The ASGI application over a home."""
    versions = _Versions(home)
    keys = _KeyFile(home)
    document = json.dumps(contract.document(), ensure_ascii=False).encode()

    async def report(request: Request) -> Response:
        organization_id = keys.organization_of(_values(request.scope, b"authorization"))
        if organization_id is None:
            return _response(error(401), {"WWW-Authenticate": "Bearer"})
        version = await versions.current()
        if version is None:
            return _response(error(503, code="nothing_published"))
        return version.respond(organization_id, request.scope)

    async def health(_request: Request) -> Response:
        version = await versions.current()
        if version is None:
            return _response(error(503, code="nothing_published"))
        return JSONResponse(version.health())

    async def openapi(_request: Request) -> Response:
        return Response(document, media_type="application/json")

    app = Starlette(
        routes=[Route(PATH, report), Route("/health", health), Route("/openapi.json", openapi)],
        exception_handlers={HTTPException: _refuse, Exception: _fail},
    )
    app.router.redirect_slashes = False
    return _logged(app)


class _Version:
    """A published version in memory, with the answers that it gave."""

    def __init__(self, source: Published) -> None:
        self._manifest = source.manifest
        self._collection = source.collection()
        self._kept: dict[tuple[str, bytes], Response] = {}
        self._bytes_kept = 0

    def respond(self, organization_id: str, scope: Message) -> Response:
        key = (organization_id, scope["query_string"])
        response = self._kept.get(key)
        if response is None:
            response = self._respond(*key)
            self._bytes_kept += len(response.body) + len(scope["query_string"])
            if self._bytes_kept > _BYTES_KEPT:
                self._kept.clear()
                self._bytes_kept = 0
            self._kept[key] = response
        wanted = _values(scope, b"if-none-match")
        if wanted and _matches(b",".join(wanted), response.headers.get("etag")):
            headers = {name: response.headers[name] for name in (*self._headers(), "ETag")}
            return Response(status_code=304, headers=headers)
        return response

    def health(self) -> dict[str, Any]:
        as_of = self._collection.as_of_date
        today = now().date()
        return {
            "status": "ok",
            "sample": self._manifest["source"] == SAMPLE,
            "version": self._manifest["version"],
            "as_of_date": as_of.isoformat(),
            "published_at": self._manifest["published_at"],
            "loaded_at": self._manifest["load"]["loaded_at"],
            "stale": (today.year, today.month) > (as_of.year, as_of.month),
            "data_faults": sum(
                each["invoices_count"]
                for each in self._manifest["exclusions"]
                if each["is_data_fault"]
            ),
        }

    def _respond(self, organization_id: str, query: bytes) -> Response:
        organization = self._collection.organizations.get(organization_id)
        if organization is None:
            return _response(error(404, code="organization_not_found"), self._headers())
        given = answer_query(self._collection, organization, query.decode("latin-1"))
        headers = self._headers()
        if given.status == 200:
            content = self._manifest["version"].encode() + given.body
            headers["ETag"] = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
        return _response(given, headers)

    def _headers(self) -> dict[str, str]:
        return {
            "X-As-Of": self._collection.as_of_date.isoformat(),
            "Cache-Control": "private",
            "Vary": "Authorization",
        }


class _Versions:
    """The current version, read again when another one was published."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._link = str(home.published / "current")
        self._pointer: str | None = None
        self._version: _Version | None = None
        self._lock = asyncio.Lock()
        self._retry_at = 0.0

    async def current(self) -> _Version | None:
        """The version that is published now; None where none ever was."""
        if self._is_current(self._read_pointer()):
            return self._version
        async with self._lock:
            pointer = self._read_pointer()
            if not self._is_current(pointer):
                try:
                    self._version = await asyncio.to_thread(self._load)
                    self._pointer = pointer
                except Exception as problem:
                    if self._version is None:
                        raise
                    self._retry_at = asyncio.get_running_loop().time() + _SECONDS_TO_RETRY
                    _log(f"keeping the version before, since the new one is unreadable: {problem}")
        return self._version

    def _is_current(self, pointer: str | None) -> bool:
        if pointer == self._pointer:
            return True
        return asyncio.get_running_loop().time() < self._retry_at

    def _read_pointer(self) -> str | None:
        try:
            return os.readlink(self._link)
        except OSError:
            return self._pointer

    def _load(self) -> _Version:
        return _Version(published(self._home))


class _KeyFile:
    """The keys, read again when their file changed."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._path = str(home.keys)
        self._stamp: tuple[int, int, int] | None = None
        self._keys = Keys([])

    def organization_of(self, given: list[bytes]) -> str | None:
        """The organization of the headers' key; None for anything but one known bearer key."""
        match = _BEARER.fullmatch(given[0]) if len(given) == 1 else None
        if match is None:
            return None
        self._refresh()
        return self._keys.organization_of(match[1].decode("ascii"))

    def _refresh(self) -> None:
        try:
            status = os.stat(self._path)
            stamp = (status.st_ino, status.st_mtime_ns, status.st_size)
        except FileNotFoundError:
            stamp = None
        if stamp != self._stamp:
            self._keys = Keys(read_keys(self._home))
            self._stamp = stamp


class _Protocol(H11Protocol):
    """uvicorn's HTTP/1.1, with a limit to the time that a request takes."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(cast(asyncio.Transport, transport))
        self._since = self.loop.time()
        self._watch = self.loop.call_later(SECONDS_PER_REQUEST, self._close_if_late)

    def on_response_complete(self) -> None:
        self._since = self.loop.time()
        super().on_response_complete()

    def connection_lost(self, exc: Exception | None) -> None:
        self._watch.cancel()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        if self.cycle is not None:
            # Its request broke off in the body; whatever it still answers goes nowhere.
            self.cycle.disconnected = True
        refused = error(400, code="invalid_http_request")
        headers = [
            ("content-type", "application/json"),
            ("content-length", str(len(refused.body))),
            ("connection", "close"),
        ]
        with contextlib.suppress(h11.LocalProtocolError):
            for event in (
                h11.Response(status_code=400, headers=headers, reason=b"Bad Request"),
                h11.Data(data=refused.body),
                h11.EndOfMessage(),
            ):
                self.transport.write(self.conn.send(event) or b"")
            _log_request(self.client, "-", "-", 400)
        self.transport.close()

    def _close_if_late(self) -> None:
        left = self._since + SECONDS_PER_REQUEST - self.loop.time()
        if left > 0:
            self._watch = self.loop.call_later(left, self._close_if_late)
        else:
            self.transport.abort()


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        listener = socket.create_server((host, port), family=family, backlog=2048)
    except OSError as problem:
        raise HarnessError(
            f"cannot listen on {host}, port {port}: {str(problem.strerror).partition(' (')[0]};"
            " give another --port or --host"
        ) from problem
    # Inherited by each connection; without it a body waits 40 ms for the client's word on its head.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listener


def _logged(app: Application) -> Application:
    """The application with a line per request on standard error, which shows no query or header."""

    async def logged_app(scope: Message, receive: Receive, send: Send) -> None:
        async def logged_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                path = scope["raw_path"].decode("ascii", "backslashreplace")
                _log_request(scope["client"], scope["method"], path, message["status"])
            await send(message)

        await app(scope, receive, logged_send)

    return logged_app


def _response(given: Answer, headers: dict[str, str] | None = None) -> Response:
    return Response(given.body, given.status, headers, media_type="application/json")


async def _refuse(_request: Request, problem: Exception) -> Response:
    assert isinstance(problem, HTTPException)
    if problem.status_code == 405:
        return _response(error(405, code="method_not_allowed"), {"Allow": "GET, HEAD"})
    return _response(error(404, code="not_found"))


async def _fail(_request: Request, _problem: Exception) -> Response:
    return _response(error(500, code="internal_error"))


def _values(scope: Message, name: bytes) -> list[bytes]:
    return [value for key, value in scope["headers"] if key == name]


def _matches(header: bytes, etag: str | None) -> bool:
    given = [each.strip().removeprefix("W/") for each in header.decode("latin-1").split(",")]
    return etag is not None and (etag in given or given == ["*"])


def _log_request(client: tuple[str, int] | None, method: str, path: str, status: int) -> None:
    if "lic_" in path:
        path = _KEY.sub("lic_...", path)
    stamp = now().isoformat(timespec="seconds")
    _log(f"{stamp} {client[0] if client else '-'} {method} {path[:200]} {status}")


def _log(line: str) -> None:
    # A log that nobody takes any more must not stop the answers.
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.write(line + "\n")
