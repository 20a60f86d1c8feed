"""JSON from a server over HTTP: asked again while what is wrong may pass, in bounded time.

The server gets a secret in a header, so no other host and no proxy may see it.
"""

import socket
import ssl
import threading
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from random import uniform
from time import monotonic, sleep
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx

from harness.foundation.errors import HarnessError
from harness.foundation.progress import say
from harness.sources.error_texts import shortened
from harness.sources.http_bodies import PassingError, json_of

_TRIES = 8
_FIRST_PAUSE = 0.5  # seconds, doubled from try to try
_SILENCE = httpx.Timeout(120, connect=10)
_LONGEST_ANSWER = 300.0
_LONGEST_WAIT = 600.0

T = TypeVar("T")


@dataclass
class Server:
    """A server that shows something to whoever sends these headers; to be used in `with`."""

    url: str
    headers: dict[str, str] = field(repr=False)
    direct: bool
    """Whether no proxy may be used: it would read the headers, or be another machine's loopback."""
    answered: bool = False
    """Whether it has answered before: it is there, and what keeps it from answering may pass."""
    _quiet_until: float = 0.0
    """Until when nobody asks: what one is told of too many requests holds for all."""

    def __enter__(self) -> "Server":
        headers = {**self.headers, "Accept-Encoding": "gzip"}
        try:
            trusted = httpx.create_ssl_context()
        except OSError as error:
            raise HarnessError(
                f"SSL_CERT_FILE or SSL_CERT_DIR names no certificates ({error.strerror or error});"
                " give a PEM file of the CAs to trust, or leave it out"
            ) from None
        try:
            self._client = httpx.Client(
                headers=headers, timeout=_SILENCE, verify=trusted, trust_env=not self.direct
            )
        except (ImportError, ValueError, httpx.InvalidURL):
            raise HarnessError(
                "HTTPS_PROXY or ALL_PROXY names no proxy that can be used; give http://HOST:PORT, "
                f"or put {urlsplit(self.url).hostname} into NO_PROXY"
            ) from None
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def json(self, path: str, query: dict[str, Any]) -> Any:
        """The JSON that a path gives. Raises HarnessError for what stays, or cannot pass."""
        place, started = f"{self.url}/{path}", monotonic()
        if (left := self._quiet_until - started) > 0:
            sleep(left)
        for tries in range(1, _TRIES + 1):
            try:
                return in_background(lambda: self._ask(place, query)).result(_LONGEST_ANSWER)
            except TimeoutError:
                raise HarnessError(
                    f"{place} sent no whole answer within {_LONGEST_ANSWER:.0f} s; ask for fewer "
                    "with --per-page, or load again when the server is faster"
                ) from None
            except PassingError as error:
                problem, pause = str(error), _pause(tries, error.hint)
                if error.too_many:
                    self._quiet_until = max(self._quiet_until, monotonic() + pause)
            spent = monotonic() - started
            if tries == _TRIES or spent + pause > _LONGEST_WAIT:
                break
            if pause > 5:
                say(f"{problem} from {self.url}; asking again in {pause:.0f} s")
            sleep(pause)
        wanted = f", and asks for {pause:.0f} s more" if spent + pause > _LONGEST_WAIT else ""
        count = f"{tries} tries" if tries > 1 else "1 try"
        raise HarnessError(
            f"{place}: {problem}, after {count} in {spent:.0f} s{wanted}; the longest wait is "
            f"{_LONGEST_WAIT:.0f} s; load again later"
        )

    def _ask(self, place: str, query: dict[str, Any]) -> Any:
        try:
            with self._client.stream("GET", place, params=query) as response:
                self.answered = True
                return json_of(response, place)
        except (httpx.ConnectError, httpx.ProxyError) as error:
            problem = self._lack_of_connection(error)
            if not self.answered:
                raise HarnessError(f"{self.url} cannot be reached: {problem}") from None
            raise PassingError(problem) from None
        except httpx.HTTPError as error:
            raise PassingError(f"{type(error).__name__} ({error})") from None
        except (httpx.InvalidURL, UnicodeError) as error:
            raise HarnessError(f"{self.url} is no URL: {error}") from None

    def _lack_of_connection(self, error: BaseException) -> str:
        """Why there is no connection, and what to do; raises HarnessError where that stays."""
        host, cause = urlsplit(self.url).hostname, _cause(error)
        if isinstance(cause, ssl.SSLCertVerificationError):
            raise HarnessError(
                f"the certificate of {host} is not trusted: {cause.verify_message.rstrip('.')}; "
                "where a CA of your own signed it, name its PEM file: export SSL_CERT_FILE=..."
            )
        if isinstance(cause, ssl.SSLEOFError | ssl.SSLZeroReturnError):
            return "the connection was closed"
        if isinstance(cause, ssl.SSLError):
            raise HarnessError(
                f"{host} does not speak TLS as expected ({cause.reason}); check scheme and port"
            )
        if isinstance(cause, socket.gaierror):
            return f"there is no host {host} ({cause.strerror}); check the URL and the network"
        if isinstance(error, httpx.ProxyError):
            return f"the proxy of HTTPS_PROXY or ALL_PROXY refuses ({error}); check the proxy"
        return f"{shortened(str(error))}; check the URL, and whether the server runs"


def in_background(work: Callable[[], T]) -> Future[T]:
    """The result of work to come, in a thread that keeps no process from ending."""
    result: Future[T] = Future()

    def run() -> None:
        try:
            result.set_result(work())
        except BaseException as error:
            result.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return result


def _pause(tries: int, hint: float) -> float:
    pause: float = max(hint, _FIRST_PAUSE * 2 ** (tries - 1))
    return pause * uniform(1, 1.1)


def _cause(error: BaseException) -> BaseException | None:
    """What the system or TLS said first."""
    found: BaseException | None = error
    while found and not isinstance(found, OSError):
        found = found.__cause__ or found.__context__
    return found
