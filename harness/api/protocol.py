"""uvicorn's HTTP/1.1, with a limit to the time that a request takes."""

import asyncio
import contextlib
from typing import cast

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from harness.api.messages import log_request
from harness.collection.answers import error

SECONDS_PER_REQUEST = 30.0
"""How long a request may take, from the end of the answer before it to the end of its own."""


class Protocol(H11Protocol):
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
            log_request(self.client, "-", "-", 400)
        self.transport.close()

    def _close_if_late(self) -> None:
        left = self._since + SECONDS_PER_REQUEST - self.loop.time()
        if left > 0:
            self._watch = self.loop.call_later(left, self._close_if_late)
        else:
            self.transport.abort()
