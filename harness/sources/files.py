"""A source that is files: dumps of tables, or saved API responses."""

import contextlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from duckdb import DuckDBPyConnection

from harness.foundation.errors import HarnessError
from harness.sources.formats import ENDINGS, format_of, table_rows
from harness.sources.layout import Place, files_in
from harness.sources.responses import is_response, saved, unwrapped
from harness.sources.tables import Found, ReadInOneGo


@dataclass(frozen=True)
class Files(ReadInOneGo):
    """A source: dumps of tables, or saved API responses."""

    name: str
    tables: dict[str, Place]

    @classmethod
    def at(cls, directory: Path, note: Callable[[str], None]) -> "Files":
        """The tables in a directory; raises HarnessError where one lacks or is there twice."""
        return cls(str(directory), files_in(directory, note))

    @classmethod
    def of(cls, invoices: Path, organizations: Path | None) -> "Files":
        """A file of invoices, and one of organizations; raises HarnessError where one is none."""
        tables = {"organizations": organizations, "invoices": invoices}
        given = {table: file for table, file in tables.items() if file}
        for file in given.values():
            if not file.exists():
                raise HarnessError(f"there is no file {file}; check the path")
            if not format_of(file.name):
                raise HarnessError(f"the name of {file} must end in {ENDINGS}")
        return cls(str(invoices), {table: Place((file,), file) for table, file in given.items()})

    @property
    def files(self) -> dict[str, int]:
        """The names of all files, and their sizes in bytes."""
        sizes = {}
        for place in self.tables.values():
            for file in place.files:
                inside = place.name.is_dir() and file.is_relative_to(place.name)
                start = place.name.parent if inside and place.name != Path(self.name) else None
                sizes[str(file.relative_to(start or file.parent))] = file.stat().st_size
        return sizes

    def open(self, connection: DuckDBPyConnection) -> AbstractContextManager[None]:
        """Nothing: files are opened as they are read."""
        return contextlib.nullcontext()

    def find(self, connection: DuckDBPyConnection, table: str, work: Path) -> Found | None:
        """The rows of a table, API responses written as a dump in `work` first."""
        place = self.tables.get(table)
        if not place:
            return None
        if is_response(place.files[0], table):
            return unwrapped(connection, table, saved(place.files), work, place.name)
        return Found(table_rows(connection, place.files, table, work), place.name)
