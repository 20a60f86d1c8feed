"""Lago's API: its tables, crawled page by page, and any other of its answers."""

import ipaddress
import os
import re
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from duckdb import DuckDBPyConnection

from harness.foundation.errors import HarnessError
from harness.sources.crawl import Crawl
from harness.sources.http_answers import Server
from harness.sources.http_bodies import StatusError
from harness.sources.kept_pages import KeptPages
from harness.sources.responses import dump_of, items_of, page_of, unwrapped
from harness.sources.tables import RESPONSES, Found

SCHEMES = ("https", "http")


@dataclass
class Api:
    """A source: what a Lago shows to an organization's API key."""

    name: str
    """The URL that the paths are added to."""
    key: str = field(repr=False)
    per_page: int
    connections: int = 1
    """How many pages are asked for at once."""
    _organization: Any = field(default=None, init=False, repr=False)
    _pages: KeptPages | None = field(default=None, init=False)
    _is_read: bool = field(default=False, init=False)

    @classmethod
    def at(cls, url: str, per_page: int, insecure: bool, connections: int = 1) -> "Api":
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
        if parts.scheme not in SCHEMES:
            raise HarnessError(
                f"{parts.scheme}:// is no way to Lago's API; give https://HOST or "
                "https://HOST:PORT/PATH"
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
        return cls(
            f"{parts.scheme}://{place}{f':{port}' if port else ''}{path}",
            key,
            per_page,
            connections,
        )

    @property
    def files(self) -> dict[str, int]:
        """There are none."""
        return {}

    def begin(self, moment: datetime, directory: Path, note: Callable[[str], None]) -> datetime:
        """Ask for the organization, and find what a crawl of it that was cut off has left."""
        with self.server() as server:
            self._organization = self.get(server, "organizations", RESPONSES["organizations"])
        crawl = {
            "url": self.name,
            "organization_id": str(self._organization["organization"].get("lago_id")),
            "per_page": self.per_page,
        }
        self._pages = KeptPages.of(directory, crawl, moment, note)
        return self._pages.began

    def end(self, failed: bool = False) -> None:
        """Remove what is kept of the crawl; one that was cut off is left to be resumed."""
        if self._pages and (self._is_read or not failed):
            self._pages.remove()

    def open(self, connection: DuckDBPyConnection) -> AbstractContextManager[None]:
        """Nothing: each table is asked for by itself."""
        return nullcontext()

    def find(self, connection: DuckDBPyConnection, table: str, work: Path) -> Found | None:
        """A table, streamed into a dump; asked again, invoices are added to those of before."""
        if table == "customers":
            return None  # They stand in the invoices.
        place = f"{self.name}, {table}"
        if table == "organizations":
            return unwrapped(connection, table, [(place, self._organization)], work, place)
        # The organization was asked for first, so the server has answered before.
        with self.server(answered=True) as server:
            if table == "invoices":
                return self._invoices(connection, server, work, place)
            try:
                body = self.get(server, table, RESPONSES[table])
            except _NotFoundError:
                return None
            return unwrapped(connection, table, [(place, body)], work, place)

    def server(self, answered: bool = False) -> Server:
        """The server with the key, which goes through no proxy that could read it."""
        parts = urlsplit(self.name)
        direct = parts.scheme == "http" or _is_loopback(parts.hostname or "")
        headers = {"Authorization": f"Bearer {self.key}"}
        return Server(f"{self.name}/api/v1", headers, direct, answered)

    def answer(self, path: str, key: str) -> tuple[str, Any]:
        """The id of the key's organization, and the body of one answer."""
        with self.server() as server:
            organization = self.get(server, "organizations", RESPONSES["organizations"])
            body = self.get(server, path, key)
        return str(organization["organization"].get("lago_id")), body

    def get(self, server: Server, path: str, key: str, **query: Any) -> Any:
        """The body of an answer that holds items under a key.

        Raises HarnessError where there is none, however often one asks, or it is another.
        """
        try:
            body = server.json(path, query)
        except StatusError as error:
            raise _refusal(error, path) from None
        _check(body, key, query, f"{self.name}/api/v1/{path}")
        return body

    def _invoices(
        self, connection: DuckDBPyConnection, server: Server, work: Path, place: str
    ) -> Found:
        def ask(page: int) -> Any:
            query = {"page": page, "per_page": self.per_page}
            return self.get(server, "invoices", "invoices", **query)

        assert self._pages
        # Another crawl is for what moved from page to page during the first one.
        again = dump_of("invoices", work).exists()
        pages = KeptPages(work / "again", self._pages.began) if again else self._pages
        crawl = Crawl(ask, self.name, pages, self.connections)
        self._is_read = False
        try:
            found = unwrapped(connection, "invoices", crawl, work, place, crawled=self.per_page)
        except HarnessError as error:
            if not (count := self._pages.count):
                raise
            raise HarnessError(
                f"{error}; the {count:,} pages that have arrived are kept for a day, and the same"
                " command resumes the crawl"
            ) from None
        self._is_read = True
        return found


class _NotFoundError(HarnessError):
    pass


def _refusal(error: StatusError, path: str) -> HarnessError:
    """What a status means at a path of Lago's, and what to do."""
    if error.status == 404:
        return _NotFoundError(f"there is no {error.place}; is this the URL of a Lago?")
    if error.status not in (401, 403):
        return HarnessError(
            f"{error.place} gives the status {error.status}; is this the URL of a Lago?"
        )
    if error.status == 401:
        advice = "give the API key of an organization of that Lago"
    elif path.startswith("analytics/"):
        advice = (
            "Lago's analytics are a premium feature, and the key needs the permission to read them"
        )
    else:
        advice = (
            f"the key lacks the permission to read {path.replace('_', ' ')}; give it that "
            "permission in Lago, or take a key that has it"
        )
    code = f" ({error.code})" if error.code else ""
    return HarnessError(
        f"{error.place} refuses the key in LAGO_API_KEY: the status {error.status}{code}; {advice}"
    )


def _check(body: Any, key: str, query: dict[str, Any], place: str) -> None:
    """Raises HarnessError where it is no answer of Lago's, or no whole page that was asked for."""
    try:
        items = items_of(body, key, place)
        page, _, count = page_of(body, place) if key == "invoices" else (0, 0, 0)
    except HarnessError as error:
        problem = str(error).partition(";")[0]
        raise HarnessError(f"{problem}; is this the URL of a Lago?") from None
    if key != "invoices":
        return
    if not all(str(item.get("lago_id") or "").strip() for item in items):
        raise HarnessError(f"{place} gives an invoice without lago_id; is this the URL of a Lago?")
    # Where there are no invoices, Lago calls what it gives page 0.
    if page != query["page"] and (items or count or page):
        raise HarnessError(
            f"{place} gives page {page} where page {query['page']} was asked for; no cache may "
            "stand before Lago's API"
        )


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
