"""The published version, with the organizations that were asked for and the answers given."""

import asyncio
import hashlib
import os
from datetime import date, datetime, timedelta
from typing import Any

import duckdb
from starlette.responses import Response

from harness.api.messages import Message, log, response, values
from harness.collection.answers import answer_to, error
from harness.collection.collection import Collection
from harness.collection.version import Published, published
from harness.foundation.errors import HarnessError
from harness.foundation.home import Home, now
from harness.foundation.versions import current_in

_ANSWERS_KEPT = 256
_ORGANIZATIONS_KEPT = 64
_SECONDS_TO_RETRY = 1.0


class _Version:
    """A published version; its organizations are read when they are asked for, and some kept."""

    def __init__(self, source: Published) -> None:
        self._source = source
        self._manifest = source.manifest
        self._as_of = date.fromisoformat(source.manifest["as_of_date"])
        # Open as long as this is served: a reading takes a third of the time, and the version can
        # still be read where it is removed.
        self._open = duckdb.connect(str(source.database), read_only=True)
        # Of no organization, for what cannot be read to be found before the first request.
        source.collection([])
        self._read: dict[str, Collection] = {}
        self._kept: dict[tuple[str, str, bytes], Response] = {}

    def respond(self, organization_id: str, scope: Message) -> Response:
        key = (organization_id, scope["path"], scope["query_string"])
        response = self._kept.get(key)
        if response is None:
            response = self._respond(*key)
            if len(self._kept) == _ANSWERS_KEPT:
                self._kept.clear()
            self._kept[key] = response
        wanted = values(scope, b"if-none-match")
        if wanted and _matches(b",".join(wanted), response.headers.get("etag")):
            headers = {name: response.headers[name] for name in (*self._headers(), "ETag")}
            return Response(status_code=304, headers=headers)
        return response

    def age(self) -> timedelta:
        """How long ago the data were loaded."""
        return now() - datetime.fromisoformat(self._manifest["load"]["loaded_at"])

    def health(self) -> dict[str, Any]:
        as_of = self._as_of
        today = now().date()
        return {
            "status": "ok",
            "version": self._manifest["version"],
            "as_of_date": as_of.isoformat(),
            "published_at": self._manifest["published_at"],
            "loaded_at": self._manifest["load"]["loaded_at"],
            "sample": self._source.is_sample,
            "stale": (today.year, today.month) > (as_of.year, as_of.month),
            "data_faults": sum(
                each["invoices_count"]
                for each in self._manifest["exclusions"]
                if each["is_data_fault"]
            ),
        }

    def _respond(self, organization_id: str, path: str, query: bytes) -> Response:
        collection = self._collection(organization_id)
        organization = collection.organizations.get(organization_id)
        if organization is None:
            return response(error(404, code="organization_not_found"), self._headers())
        given = answer_to(collection, organization, path, query.decode("latin-1"))
        headers = self._headers()
        if given.status == 200:
            content = headers["X-As-Of"].encode() + given.body
            headers["ETag"] = f'"{hashlib.sha256(content).hexdigest()[:32]}"'
        return response(given, headers)

    def _collection(self, organization_id: str) -> Collection:
        """That organization's alone."""
        collection = self._read.get(organization_id)
        if collection is None:
            try:
                collection = self._source.collection([organization_id])
            except duckdb.Error as problem:
                raise HarnessError(
                    f"{self._source.database} cannot be read: {problem}"
                ) from problem
            if len(self._read) == _ORGANIZATIONS_KEPT:
                self._read.clear()
            self._read[organization_id] = collection
        return collection

    def _headers(self) -> dict[str, str]:
        return {
            "X-As-Of": self._as_of.isoformat(),
            "Cache-Control": "private",
            "Vary": "Authorization",
        }


class Versions:
    """The current version, read again when another one was published."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._link = str(home.published / "current")
        self._pointer: str | None = None
        self._version: _Version | None = None
        self._lock = asyncio.Lock()
        self._retry_at = 0.0

    async def current(self) -> _Version | None:
        """The version that is published now; None where none ever was.

        Raises HarnessError where there is one that cannot be read, and none was before.
        """
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
                        raise HarnessError(f"no version can be served: {problem}") from problem
                    self._retry_at = asyncio.get_running_loop().time() + _SECONDS_TO_RETRY
                    log(f"keeping the version before, since the new one is unreadable: {problem}")
        return self._version

    def _is_current(self, pointer: str | None) -> bool:
        if pointer == self._pointer:
            return True
        return asyncio.get_running_loop().time() < self._retry_at

    def _read_pointer(self) -> str | None:
        try:
            return os.readlink(self._link)
        except OSError:
            if self._version is None:
                # Nothing is there yet; or something else is, and then that is said.
                current_in(self._home.published)
            return self._pointer

    def _load(self) -> _Version:
        return _Version(published(self._home))


def _matches(header: bytes, etag: str | None) -> bool:
    given = [each.strip().removeprefix("W/") for each in header.decode("latin-1").split(",")]
    return etag is not None and (etag in given or given == ["*"])
