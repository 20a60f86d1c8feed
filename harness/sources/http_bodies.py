"""The JSON in an HTTP response, or why there is none."""

import codecs
import time
import zlib
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx
import orjson

from harness.foundation.errors import HarnessError
from harness.foundation.home import now

# Parsed, JSON may take twenty times the memory.
_LARGEST_ANSWER = 64 << 20
_MAY_PASS = {408, 425, 429, *range(500, 600)}
_GZIP = 16 + zlib.MAX_WBITS


class StatusError(HarnessError):
    """An answer whose status will not change by asking again."""

    def __init__(self, place: str, status: int, code: str | None) -> None:
        super().__init__(f"{place} gives the status {status}; is this the right URL?")
        self.place, self.status, self.code = place, status, code


class PassingError(Exception):
    """What may pass, and after how many seconds the server wants to be asked again."""

    def __init__(self, problem: str, hint: float = 0.0, too_many: bool = False) -> None:
        super().__init__(problem)
        self.hint, self.too_many = hint, too_many


def json_of(response: httpx.Response, place: str) -> Any:
    """What a response holds that is not read yet.

    Raises PassingError for what may pass, StatusError for a status that will not, and another
    HarnessError for what is no JSON, too large, or elsewhere.
    """
    if response.status_code != 200:
        raise _fault(response, place)
    body = b"".join(_unpacked(response, place)).removeprefix(codecs.BOM_UTF8)
    return _parsed(body, place, response.headers.get("Content-Type", ""))


def _unpacked(response: httpx.Response, place: str) -> Iterator[bytes]:
    """The body in parts; httpx would unpack whatever comes, in one piece."""
    encoding = response.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in ("gzip", "x-gzip", "identity"):
        raise HarnessError(f"{place} answers in {encoding}, though it was asked for gzip")
    packed = encoding != "identity"
    unzip, room = zlib.decompressobj(_GZIP), _LARGEST_ANSWER
    for chunk in response.iter_raw():
        try:
            part = unzip.decompress(chunk, room + 1) if packed else chunk
        except zlib.error as error:
            raise PassingError(f"an answer that is no gzip ({error})") from None
        room -= len(part)
        if room < 0:
            raise HarnessError(
                f"{place} answers with more than {_LARGEST_ANSWER >> 20} MB; ask for fewer with "
                "--per-page"
            )
        yield part
    if packed and not unzip.eof:
        raise PassingError("an answer that is cut off")


def _parsed(body: bytes, place: str, kind: str) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        start, fault = body[:200].lstrip(), error
    if not start or (start[:1] in b"{[" and _ends_early(body, fault)):
        raise PassingError("an answer that is cut off")
    if start[:1] in b"{[":
        raise HarnessError(f"{place} answers with what is no JSON in UTF-8: {fault}")
    shown = " ".join(start[:60].decode(errors="replace").split())
    raise HarnessError(
        f"{place} answers with {kind or 'what is'} and no JSON: {shown!r}; is this the URL of the "
        "API, and not of a page or a login?"
    )


def _ends_early(body: bytes, fault: orjson.JSONDecodeError) -> bool:
    """Whether there is nothing wrong with what does not parse but that it ends."""
    try:
        body.decode()
    except UnicodeDecodeError as error:
        return error.reason == "unexpected end of data"
    return fault.msg.startswith("unexpected end of data")


def _fault(response: httpx.Response, place: str) -> Exception:
    status = response.status_code
    if status in _MAY_PASS:
        return PassingError(f"the status {status}", _hint(response), status == 429)
    if location := response.headers.get("Location"):
        target = urlsplit(urljoin(place, location))
        # Without what may be a secret.
        to = f"{target.scheme}://{target.netloc.rpartition('@')[2]}{target.path}"
        return HarnessError(
            f"{place} gives the status {status} and points to {to}; the key is not sent on: give "
            "that URL where it is the one that you mean"
        )
    try:
        found = orjson.loads(next(_unpacked(response, place), b""))
        code = found.get("code") if isinstance(found, dict) else None
    except (ValueError, httpx.HTTPError):
        code = None
    return StatusError(place, status, code if isinstance(code, str) else None)


def _hint(response: httpx.Response) -> float:
    """After how many seconds the server wants to be asked again; 0 where it does not say."""
    for name in ("Retry-After", "X-RateLimit-Reset"):
        value: str = response.headers.get(name, "")
        if value.isdecimal():
            # A number this large is a moment, not a time span.
            return float(value) - (time.time() if len(value) > 9 else 0)
        try:
            return (parsedate_to_datetime(value) - now()).total_seconds()
        except (ValueError, TypeError):
            continue
    return 0.0
