"""What the server sends, and the log of it."""

import contextlib
import re
import sys
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from starlette.responses import Response

from harness.collection.answers import Answer
from harness.foundation.home import now

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]

_KEY = re.compile(r"lic_[\w%-]+")


def response(given: Answer, headers: dict[str, str] | None = None) -> Response:
    """An answer as a response."""
    return Response(given.body, given.status, headers, media_type="application/json")


def values(scope: Message, name: bytes) -> list[bytes]:
    """The values of a request's headers of that name."""
    return [value for key, value in scope["headers"] if key == name]


def logged(app: Application) -> Application:
    """The application with a line per request on standard error, which shows no query or header."""

    async def logged_app(scope: Message, receive: Receive, send: Send) -> None:
        async def logged_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                path = scope["raw_path"].decode("ascii", "backslashreplace")
                log_request(scope["client"], scope["method"], path, message["status"])
            await send(message)

        await app(scope, receive, logged_send)

    return logged_app


def log_request(client: tuple[str, int] | None, method: str, path: str, status: int) -> None:
    """Log a request, without its query and whatever looks like a key."""
    if "lic_" in path:
        path = _KEY.sub("lic_...", path)
    stamp = now().isoformat(timespec="seconds")
    log(f"{stamp} {client[0] if client else '-'} {method} {path[:200]} {status}")


def log(line: str) -> None:
    """Write a line to standard error."""
    # A log that nobody takes any more must not stop the answers.
    with contextlib.suppress(OSError, ValueError):
        sys.stderr.write(line + "\n")
