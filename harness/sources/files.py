"""A source that is files: dumps of tables, or saved API responses."""

import contextlib
import re
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from duckdb import DuckDBPyConnection

from harness.foundation.errors import HarnessError
from harness.sources.formats import ENDINGS, table_rows
from harness.sources.responses import is_response, saved, unwrapped
from harness.sources.tables import Found

_SAVED = {"organization.json": "organizations", "billing_entities.json": "billing_entities"}


@dataclass(frozen=True)
class Files:
    """A source: dumps of tables, or saved API responses."""

    name: str
    tables: dict[str, list[Path]]

    @property
    def files(self) -> dict[str, int]:
        """The names of all files, and their sizes in bytes."""
        return {file.name: file.stat().st_size for found in self.tables.values() for file in found}

    def open(self, connection: DuckDBPyConnection) -> AbstractContextManager[None]:
        """Nothing: files are opened as they are read."""
        return contextlib.nullcontext()

    def find(self, connection: DuckDBPyConnection, table: str, work: Path) -> Found | None:
        """The rows of a table, API responses written as a dump in `work` first."""
        files = self.tables.get(table)
        if not files:
            return None
        if not is_response(files[0]):
            return Found(table_rows(connection, files[0], table), files[0])
        place = files[0].parent if len(files) > 1 else files[0]
        return unwrapped(connection, table, saved(files), work, place)


def files_in(directory: Path, note: Callable[[str], None]) -> dict[str, list[Path]]:
    """The file of each table in a directory, or the saved API responses; notes what is ignored.

    Raises HarnessError where a table is missing that must be there, or is there twice.
    """
    files: dict[str, list[Path]] = {}
    ignored = []
    for path in sorted(directory.iterdir(), key=_natural):
        table = _table_of(path.name) if path.is_file() else None
        if table:
            files.setdefault(table, []).append(path)
        elif path.name[0] not in "._":
            ignored.append(path.name)
    others = ", ".join(ignored[:20]) + ", ..." * (len(ignored) > 20)
    for table in ("organizations", "invoices"):
        if table not in files:
            raise HarnessError(
                f"{directory} has no file of {table}, such as {table}.csv; other files are there: "
                f"{others or 'none'}"
            )
    for table, [file, *more] in files.items():
        if more and not all(map(is_response, [file, *more])):
            raise HarnessError(
                f"{directory} has {table} twice: {file.name}, {more[0].name}; remove one"
            )
    if ignored:
        note(f"ignored in {directory}: {others}")
    return files


def _natural(path: Path) -> list[str | int]:
    return [int(part) if part.isdecimal() else part for part in re.split(r"(\d+)", path.name)]


def _table_of(name: str) -> str | None:
    stem, dot, ending = name.partition(".")
    if stem in ("organizations", "billing_entities", "invoices") and dot + ending in ENDINGS:
        return stem
    if stem.startswith("invoices-page-") and ending in ("json", "json.gz"):
        return "invoices"
    return _SAVED.get(name)
