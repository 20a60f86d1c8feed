"""Lago's API: its tables, crawled page by page, and any other of its answers."""

import ipaddress
import os
import re
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from pathlib import Path
from random import uniform
from time import sleep
from typing import Any
from urllib.parse import urlsplit

import httpx
import orjson
from duckdb import DuckDBPyConnection

from harness.foundation.errors import HarnessError
from harness.foundation.home import now
from harness.foundation.progress import Progress, say
from harness.sources.responses import items_of, page_of, unwrapped
from harness.sources.tables import RESPONSES, Found

SCHEMES = ("https", "http")

_TRIES = 8
_TIMEOUT = httpx.Timeout(120, connect=10)
_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 300.0  # seconds


@dataclass(frozen=True)
class Api:
    """A source: what a Lago shows to an organization's API key."""

    name: str
    """The URL that the paths are added to."""
    key: str = field(repr=False)
    per_page: int

    @classmethod
    def at(cls, url: str, per_page: int, insecure: bool) -> "Api":
        """The Lago at a URL, with the key in LAGO_API_KEY. Raises HarnessError, without the URL."""
        try:
            parts = urlsplit(url)
            host, port = parts.hostname or "", parts.port
        except ValueError:
            host = ""
        if not re.fullmatch(r"[\w.:-]+", host, re.ASCII) or re.search("[@?#]", url):
            raise HarnessError(
                "the URL of Lago's API must be https://HOST or https://HOST:PORT/PATH"
            )
        if parts.scheme == "http" and not (insecure or _is_loopback(host)):
            raise HarnessError(
                f"http:// would send the API key to {host} for anyone to read; give https://, or "
                "--insecure where the network in between is your own"
            )
        key = os.environ.get("LAGO_API_KEY", "").strip()
        if not re.fullmatch("[!-~]+", key):
            raise HarnessError(
                f"LAGO_API_KEY {'is no API key' if key else 'is not set'}; put the API key of your "
                "Lago organization there: export LAGO_API_KEY=..."
            )
        place = f"[{host}]" if ":" in host else host
        path = parts.path.rstrip("/").removesuffix("/api/v1")
        return cls(f"{parts.scheme}://{place}{f':{port}' if port else ''}{path}", key, per_page)

    @property
    def files(self) -> dict[str, int]:
        """There are none."""
        return {}

    def open(self, connection: DuckDBPyConnection) -> AbstractContextManager[None]:
        """Nothing: each table has a client of its own."""
        return nullcontext()

    def find(self, connection: DuckDBPyConnection, table: str, work: Path) -> Found | None:
        """A table, streamed into a dump; asked again, invoices are added to those of before."""
        place = f"{self.name}, {table}"
        with self.client() as client:
            if table == "invoices":
                return unwrapped(connection, table, self._pages(client), work, place)
            try:
                body = self.get(client, table, RESPONSES[table])
            except _NotFoundError:
                if table != "billing_entities":
                    raise
                return None
            return unwrapped(connection, table, [(place, body)], work, place)

    def client(self) -> httpx.Client:
        """A client that shows the key."""
        headers = {"Authorization": f"Bearer {self.key}"}
        return httpx.Client(headers=headers, timeout=_TIMEOUT)

    def answer(self, path: str, key: str) -> tuple[str, Any]:
        """The id of the key's organization, and the body of one answer."""
        with self.client() as client:
            organization = self.get(client, "organizations", RESPONSES["organizations"])
            body = self.get(client, path, key)
        return str(organization["organization"].get("lago_id")), body

    def get(self, client: httpx.Client, path: str, key: str, **query: Any) -> Any:
        """The body of an answer that holds items under a key, floats as text.

        What may pass is tried again: a busy or broken server, a lost connection, half an answer.
        Raises HarnessError for what stays, or cannot pass.
        """
        place = f"{self.name}/api/v1/{path}"
        problem, hint = "", 0.0
        for tries in range(_TRIES):
            if tries:
                pause = _pause(tries, hint)
                if pause > 5:
                    say(f"{problem} from {self.name}; asking again in {pause:.0f} s")
                sleep(pause)
            hint = 0.0
            try:
                response = client.get(place, params=query)
                if response.status_code == 200:
                    body = orjson.loads(response.content)
                    _check(body, key, query, place)
                    return body
                problem, hint = f"the status {response.status_code}", _hint(response)
            except httpx.HTTPError as error:
                problem = f"{type(error).__name__} ({error})"
                continue
            except ValueError:
                problem = "an answer that is no JSON"
                continue
            except HarnessError as error:
                problem = str(error).partition(";")[0]
                continue
            if response.status_code == 404:
                raise _NotFoundError(f"there is no {place}; is this the URL of a Lago?")
            if response.status_code in (401, 403):
                raise HarnessError(
                    f"{place} refuses the key in LAGO_API_KEY: {problem}; give a key of that Lago "
                    "that may read this (its analytics are a premium feature)"
                )
            if response.status_code != 429 and response.status_code < 500:
                raise HarnessError(f"{place} gives {problem}; is this the URL of a Lago?")
        raise HarnessError(f"{place}: {problem}, after {_TRIES} tries; load again later")

    def _pages(self, client: httpx.Client) -> Iterator[tuple[object, Any]]:
        progress, started, read = Progress(), time.monotonic(), 0
        # The next page comes while this one is written.
        with ThreadPoolExecutor(1) as ahead:

            def ask(page: int) -> Any:
                return self.get(client, "invoices", "invoices", page=page, per_page=self.per_page)

            asked: Future[Any] | None = ahead.submit(ask, 1)
            while asked:
                body = asked.result()
                number, pages, count = page_of(body, self.name)
                items = len(body["invoices"])
                more = items and (number < pages or body["meta"].get("next_page"))
                asked = ahead.submit(ask, number + 1) if more else None
                read += items
                rate = read / (time.monotonic() - started)
                progress.show(
                    min(1.0, number / max(1, pages)),
                    f", {read:,} of {count:,} invoices, {rate:,.0f} a second",
                )
                yield f"{self.name}, page {number}", body
        progress.end()


class _NotFoundError(HarnessError):
    pass


def _check(body: Any, key: str, query: dict[str, Any], place: str) -> None:
    """Raises HarnessError where a page is not the one that was asked for, or not whole."""
    items = items_of(body, key, place)
    if key != "invoices":
        return
    if not all(str(item.get("lago_id") or "").strip() for item in items):
        raise HarnessError("an invoice without lago_id")
    page, *_ = page_of(body, "the answer")
    if page != query["page"]:
        raise HarnessError(f"page {page} where page {query['page']} was asked for")


def _pause(tries: int, hint: float) -> float:
    pause: float = max(hint, _FIRST_PAUSE * 2 ** (tries - 1))
    return min(_LONGEST_PAUSE, pause * uniform(1, 1.1))


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


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
