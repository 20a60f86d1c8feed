"""The HTTP API over the published version."""

import asyncio
import hashlib
import os
import re
import sys
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import h11
import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from uvicorn.protocols.http.h11_impl import H11Protocol

from harness import contract
from harness.answers import PATH, Answer, answer_query, error
from harness.collection import Published, published
from harness.home import Home, now
from harness.keys import Keys, read_keys

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

SECONDS_FOR_A_REQUEST = 10.0
"""How long a client may take to send a request before the connection is closed."""

_BEARER = re.compile(rb"[Bb][Ee][Aa][Rr][Ee][Rr] ([A-Za-z0-9._~+/-]+=*)")
_CODES = {404: "not_found", 405: "method_not_allowed"}
_ANSWERS_KEPT = 128


def serve(home: Home, host: str, port: int) -> None:
    """Serve until SIGTERM or SIGINT; requests in flight are finished."""
    config = uvicorn.Config(
        application(home),
        host=host,
        port=port,
        http=_Protocol,
        ws="none",
        access_log=False,
        log_level="warning",
        server_header=False,
        timeout_graceful_shutdown=30,
    )
    uvicorn.Server(config).run()


def application(home: Home) -> Starlette:
    """The ASGI application over a home."""
    versions = _Versions(home)
    keys = _KeyFile(home)

    async def report(request: Request) -> Response:
        organization_id = keys.organization_of(request.scope["headers"])
        if organization_id is None:
            return _response(error(401), {"WWW-Authenticate": "Bearer"})
        version = await versions.current()
        if version is None:
            return _response(error(503, code="nothing_published"))
        return version.respond(organization_id, request)

    async def health(_request: Request) -> Response:
        version = await versions.current()
        if version is None:
            return _response(error(503, code="nothing_published"))
        return JSONResponse(version.health())

    async def openapi(_request: Request) -> Response:
        return JSONResponse(contract.document())

    app = Starlette(
        routes=[
            Route(PATH, report),
            Route("/health", health),
            Route("/openapi.json", openapi),
        ],
        exception_handlers={HTTPException: _refuse, Exception: _fail},
    )
    app.router.redirect_slashes = False
    app.add_middleware(_AccessLog)
    return app


class _Version:
    """A published version in memory, with the answers that it gave."""

    def __init__(self, source: Published) -> None:
        self.path = source.path
        self._manifest = source.manifest
        self._collection = source.collection()
        self._answers: dict[tuple[str, bytes], tuple[Answer, dict[str, str]]] = {}

    def respond(self, organization_id: str, request: Request) -> Response:
        key = (organization_id, request.scope["query_string"])
        kept = self._answers.get(key)
        if kept is None:
            if len(self._answers) >= _ANSWERS_KEPT:
                self._answers.clear()
            kept = self._answers[key] = self._answer(*key)
        given, headers = kept
        if given.status == 200 and _matches(request.headers.get("if-none-match"), headers["ETag"]):
            return Response(status_code=304, headers=headers)
        return _response(given, headers)

    def health(self) -> dict[str, Any]:
        as_of = self._collection.as_of_date
        today = now().date()
        return {
            "status": "ok",
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

    def _answer(self, organization_id: str, query: bytes) -> tuple[Answer, dict[str, str]]:
        organization = self._collection.organizations.get(organization_id)
        if organization is None:
            return error(404, code="organization_not_found"), {}
        given = answer_query(self._collection, organization, query.decode("latin-1"))
        if given.status != 200:
            return given, {}
        digest = hashlib.sha256(self._manifest["version"].encode() + given.body).hexdigest()
        return given, {
            "ETag": f'"{digest[:32]}"',
            "Cache-Control": "private",
            "Vary": "Authorization",
            "X-As-Of": self._collection.as_of_date.isoformat(),
        }


class _Versions:
    """The current version, read again when another one was published."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._link = home.published / "current"
        self._pointer: str | None = None
        self._version: _Version | None = None
        self._lock = asyncio.Lock()

    async def current(self) -> _Version | None:
        """The version that is published now; None where none ever was."""
        if self._read_pointer() == self._pointer:
            return self._version
        async with self._lock:
            pointer = self._read_pointer()
            if pointer != self._pointer:
                try:
                    self._version = await asyncio.to_thread(self._load)
                    self._pointer = pointer
                except Exception as problem:
                    if self._version is None:
                        raise
                    _log(f"keeping the version before, since the new one is unreadable: {problem}")
        return self._version

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
        self._stamp: tuple[int, int, int] | None = None
        self._keys = Keys([])

    def organization_of(self, headers: list[tuple[bytes, bytes]]) -> str | None:
        """The organization of the request's key; None for anything but one known bearer key."""
        given = [value for name, value in headers if name == b"authorization"]
        match = _BEARER.fullmatch(given[0]) if len(given) == 1 else None
        if match is None:
            return None
        self._refresh()
        return self._keys.organization_of(match[1].decode("ascii"))

    def _refresh(self) -> None:
        try:
            status = self._home.keys.stat()
            stamp = (status.st_ino, status.st_mtime_ns, status.st_size)
        except FileNotFoundError:
            stamp = None
        if stamp != self._stamp:
            self._keys = Keys(read_keys(self._home))
            self._stamp = stamp


class _AccessLog:
    """A line per request on standard error: no query and no header, so no key."""

    def __init__(self, app: Callable[[Message, Receive, Send], Awaitable[None]]) -> None:
        self._app = app

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def logged(message: Message) -> None:
            if message["type"] == "http.response.start":
                path = scope["raw_path"].decode("ascii", "backslashreplace")
                client = scope["client"][0] if scope["client"] else "-"
                _log(f"{client} {scope['method']} {path[:200]} {message['status']}")
            await send(message)

        await self._app(scope, receive, logged)


class _Protocol(H11Protocol):
    """uvicorn's HTTP/1.1, with a limit to the time that a request takes to arrive."""

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        self._forget()
        super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        refused = error(400, code="invalid_http_request")
        headers = [("content-type", "application/json"), ("connection", "close")]
        for event in (
            h11.Response(status_code=400, headers=headers, reason=b"Bad Request"),
            h11.Data(data=refused.body),
            h11.EndOfMessage(),
        ):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def _watch(self) -> None:
        if self.conn.their_state not in (h11.IDLE, h11.SEND_BODY):
            self._forget()
        elif self._deadline is None:
            self._deadline = self.loop.call_later(SECONDS_FOR_A_REQUEST, self.transport.abort)

    def _forget(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


def _response(given: Answer, headers: dict[str, str] | None = None) -> Response:
    return Response(given.body, given.status, headers, media_type="application/json")


async def _refuse(_request: Request, problem: Exception) -> Response:
    assert isinstance(problem, HTTPException)
    code = _CODES.get(problem.status_code, "bad_request")
    return _response(error(problem.status_code, code=code), dict(problem.headers or {}))


async def _fail(_request: Request, _problem: Exception) -> Response:
    return _response(error(500, code="internal_error"))


def _matches(header: str | None, etag: str) -> bool:
    if header is None:
        return False
    given = [each.strip().removeprefix("W/") for each in header.split(",")]
    return etag in given or given == ["*"]


def _log(line: str) -> None:
    sys.stderr.write(line + "\n")
