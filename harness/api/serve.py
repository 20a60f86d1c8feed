"""The HTTP API over the published version."""

import json
import re
import signal
import socket
import sys
from datetime import timedelta

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from harness.api.keys import KeyFile
from harness.api.messages import Application, log, logged, response, values
from harness.api.protocol import Protocol
from harness.api.versions import Versions
from harness.collection import contract
from harness.collection.answers import PATH, error
from harness.foundation.errors import HarnessError
from harness.foundation.home import Home


def serve(home: Home, host: str, port: int) -> None:
    """Serve until SIGTERM or SIGINT; requests in flight are finished.

    Raises HarnessError where it cannot listen.
    """
    listener = _listen(host, port)
    config = uvicorn.Config(
        application(home),
        http=Protocol,
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
    log(f"serving http://{address}:{listener.getsockname()[1]}")
    uvicorn.Server(config).run([listener])


def application(home: Home) -> Application:
    """The ASGI application over a home."""
    versions = Versions(home)
    keys = KeyFile(home)
    document = json.dumps(contract.document(), ensure_ascii=False).encode()

    async def report(request: Request) -> Response:
        try:
            organization_id = keys.organization_of(values(request.scope, b"authorization"))
            if organization_id is None:
                return response(error(401), {"WWW-Authenticate": "Bearer"})
            version = await versions.current()
            if version is None:
                return response(error(503, code="nothing_published"))
            return version.respond(organization_id, request.scope)
        except (HarnessError, OSError) as problem:
            return _unreadable(problem)

    async def health(request: Request) -> Response:
        given = request.query_params.get("fresh_within")
        span = _time_span(given) if given else None
        if given and span is None:
            details = {"fresh_within": ["value_is_invalid"]}
            return response(error(422, code="validation_errors", error_details=details))
        try:
            version = await versions.current()
        except HarnessError as problem:
            return _unreadable(problem)
        if version is None:
            return response(error(503, code="nothing_published"))
        return JSONResponse(version.health(), 503 if span and version.age() > span else 200)

    async def openapi(_request: Request) -> Response:
        return Response(document, media_type="application/json")

    app = Starlette(
        routes=[Route(PATH, report), Route("/health", health), Route("/openapi.json", openapi)],
        exception_handlers={HTTPException: _refuse, Exception: _fail},
    )
    app.router.redirect_slashes = False
    return logged(app)


def _time_span(text: str) -> timedelta | None:
    """So many minutes, hours or days, as 90m, 36h or 2d; None for any other text."""
    if not re.fullmatch("[1-9][0-9]{0,4}[mhd]", text):
        return None
    unit = {"m": "minutes", "h": "hours", "d": "days"}[text[-1]]
    return timedelta(**{unit: int(text[:-1])})


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


async def _refuse(_request: Request, problem: Exception) -> Response:
    assert isinstance(problem, HTTPException)
    if problem.status_code == 405:
        return response(error(405, code="method_not_allowed"), {"Allow": "GET, HEAD"})
    return response(error(404, code="not_found"))


async def _fail(_request: Request, _problem: Exception) -> Response:
    return response(error(500, code="internal_error"))


def _unreadable(problem: Exception) -> Response:
    log(f"503, since the home cannot be read: {problem}")
    return response(error(503, code="home_unreadable"))
