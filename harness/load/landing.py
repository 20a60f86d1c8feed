"""Writes what is used of Lago's tables to Parquet files: all, or none where one is unfit."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from harness.foundation.errors import HarnessError
from harness.foundation.progress import watching
from harness.load.columns import NULL, Draft, Selection, lacking, names_owner, selection
from harness.load.customers import customers_in
from harness.load.fitness import check_rows
from harness.load.landed import Landed, what_is_lacking
from harness.load.nulls import told, without_words, words_in
from harness.load.owner import UNNAMED, first_month, ids_of, owner_of
from harness.load.versions import Dropped, find_dropped
from harness.sources.error_texts import reading
from harness.sources.formats import literal, path_literal
from harness.sources.tables import NO_ROWS, OWNER, Column, Found, Rows, Source

_NOTHING = Dropped(0, 0)


@dataclass(frozen=True)
class Landing:
    """The tables of a source on their way into a directory."""

    connection: duckdb.DuckDBPyConnection
    directory: Path
    moment: datetime
    source: Source
    note: Callable[[str], None]
    organization: str | None = None
    """The id or name of the organization whose rows do not say so."""
    codes: set[str] = field(default_factory=set)
    """The codes of billing entities that are there, which no word for null can be."""

    def land_all(self) -> dict[str, int]:
        """Land and check all tables; returns the counts of `Load`."""
        with self.source.open(self.connection):
            organizations = self.land("organizations")
            entities = self.land("billing_entities")
            if entities:
                known = self.query("select distinct code from {}", "billing_entities")
                self.codes.update(str(code) for (code,) in known)
            invoices = self.land("invoices")
            assert invoices is not None
            if not self.source.files and invoices.lacks_some:
                # What moved from page to page during the crawl is found by another.
                invoices = self.land("invoices")
                assert invoices is not None
            if not organizations:
                self.name_organization(invoices)
            customers = self.land("customers")
        if lacking_ := what_is_lacking(invoices, self.source):
            self.note(lacking_)
        return {
            "organizations": organizations.rows if organizations else 1,
            "billing_entities": entities.rows if entities else 0,
            "customers": customers.rows if customers else 0,
            "read": invoices.rows + sum(invoices.dropped),
            "deleted": invoices.dropped.deleted,
            "superseded": invoices.dropped.superseded,
            "raw": invoices.rows,
        }

    def land(self, table: str) -> Landed | None:
        """Write what is used of a table; None where there is nothing to know of organizations."""
        found = self.source.find(self.connection, table, self.directory / "work")
        if not found:
            if table == "organizations":
                return None
            if table == "invoices":
                raise HarnessError(f"{self.source.name} has no invoices; give a source that has")
            named = None
            if table == "customers":
                named = customers_in(self.connection, _numbered(self.file("invoices")))
            if table != "customers":
                self.note(f"there is no table of {table}: only those that invoices name are known")
            elif not named and self.query("from {} limit 1", "invoices"):
                self.note("there is no table of customers: they have no names")
            found = Found(named or NO_ROWS, self.source.name)
        with reading(found.place, found.advice):
            chosen = selection(table, found, self.is_null)
            return self.write(table, found, chosen)

    def write(self, table: str, found: Found, chosen: Selection) -> Landed:
        """Write the selected columns of the rows that stay to the table's file."""
        if chosen.unfit:
            self.note(
                f"{found.place}: {', '.join(chosen.unfit)} is left out, as its type could be"
                " misread; export a date as a date or as text, and an amount as an integer"
            )
        moment = f"timestamp '{self.moment:%Y-%m-%d %H:%M:%S}'"
        draft = Draft(found.rows.sql, chosen.columns | {"_loaded_at": moment}, chosen.marks)
        first = self.directory / "work" / f"{table}-first.parquet"
        if not found.rows.numbered:
            # Only a Parquet file can be looked through before it is copied.
            self.copy(table, found, draft.columns | draft.marks, draft.rows, first)
            draft = Draft(
                _numbered(first),
                {name: name for name in draft.columns},
                {name: name for name in draft.marks},
            )
        self.complete(table, found, draft)
        dropped = _NOTHING
        if found.rows is not NO_ROWS:
            dropped = self.drop(table, found, draft)
        missing = lacking(table, found.rows)
        if missing:
            self.note(f"{found.place} lacks {', '.join(missing)}: taken as null")
        if found.rows.numbered or draft.changed or any(dropped):
            rows = f"{draft.rows} anti join dropped using (file_row_number)"
            rows = rows if any(dropped) else draft.rows
            count = self.copy(table, found, draft.columns, rows, self.file(table))
        else:
            first.replace(self.file(table))
            ((count,),) = self.query("select count(*) from {}", table)
        return Landed(found, count, dropped)

    def complete(self, table: str, found: Found, draft: Draft) -> None:
        """Say whose the rows are where they do not, and write words for null as null."""
        if found.rows.columns and OWNER in draft.columns:
            if not names_owner(found):
                draft.columns[OWNER] = literal(self.owner(found))
                draft.changed = True
            elif self.organization and table == "invoices":
                raise HarnessError(
                    f"{found.place} says in {OWNER} whose the invoices are; leave --organization"
                    " out"
                )
        draft.changed |= bool(draft.marks)
        if not found.rows.textual:
            return
        keep = {"billing_entity_code": self.codes}
        words = words_in(self.connection, draft.rows, [*draft.columns, *draft.marks], keep)
        for name in words:
            given = draft.marks if name in draft.marks else draft.columns
            given[name], draft.changed = without_words(name, keep.get(name, ())), True
        if words:
            self.note(f"{found.place}: taken for null: {told(words)}")

    def drop(self, table: str, found: Found, draft: Draft) -> Dropped:
        """Note the rows that do not land in the table `dropped`, and check those that do."""
        listed = ", ".join(f"{sql} as {name}" for name, sql in draft.columns.items())
        rows = f"(select {listed}, file_row_number from {draft.rows})"
        with_versions = table == "invoices"
        if with_versions:
            check_rows(self.connection, table, rows, found.place)
        dropped = _NOTHING
        if with_versions or draft.marks:
            with watching(self.connection, "looking for older versions"):
                dropped = find_dropped(
                    self.connection, draft.rows, draft.columns, draft.marks, found.place
                )
        if not with_versions:
            stay = f"(from {rows} anti join dropped using (file_row_number))"
            check_rows(self.connection, table, stay if draft.marks else rows, found.place)
        if dropped.deleted:
            self.note(
                f"{found.place}: {dropped.deleted:,} rows are no longer in Lago, as"
                f" {', '.join(draft.marks)} say{'s' * (len(draft.marks) == 1)}; they are left out"
            )
        return dropped

    def name_organization(self, invoices: Landed) -> None:
        """Write the organization that nothing is known of but its invoices."""
        rows = _numbered(self.file("invoices"))
        id_ = ids_of(self.connection, rows, invoices.found.place)
        month = first_month(self.connection, rows, self.moment)
        self.connection.execute(
            f"copy (select {literal(id_)} as id, {NULL} as name, timestamp '{month}' as created_at,"
            f" timestamp '{self.moment:%Y-%m-%d %H:%M:%S}' as _loaded_at)"
            f" to {literal(str(self.file('organizations')))} (format parquet)"
        )
        self.note(
            f"when the organization was created is not known: its report begins with its first"
            f" invoice that counts, in {month[:7]}; give its table to begin with its creation:"
            " --organizations FILE"
        )

    def owner(self, found: Found) -> str:
        """The id of the organization whose rows do not say so."""
        if not self.file("organizations").exists():
            return UNNAMED
        return owner_of(
            self.connection, _numbered(self.file("organizations")), found.place, self.organization
        )

    def is_null(self, column: Column, rows: Rows) -> bool:
        """Whether a column of the source holds nothing but nulls."""
        nulls = f"select count({column.sql}) = 0 from {rows.sql}"
        return self.connection.execute(nulls).fetchone() == (True,)

    def copy(
        self, table: str, found: Found, columns: dict[str, str], rows: str, target: Path
    ) -> int:
        """Write columns of rows to a file; returns how many rows it has."""
        listed = ", ".join(f"{sql} as {name}" for name, sql in columns.items())
        sql = f"copy (select {listed} from {rows}) to {literal(str(target))} (format parquet)"
        total = found.rows.total
        try:
            with watching(self.connection, f"landing {table}", total, found.rows.unit):
                ((count,),) = self.connection.execute(sql).fetchall()
        except duckdb.InvalidInputException:
            if rows != found.rows.sql or not found.rows.in_one_piece:
                raise
            return self.copy(table, found, columns, found.rows.in_one_piece, target)
        return int(count)

    def file(self, table: str) -> Path:
        return self.directory / f"{table}.parquet"

    def query(self, sql: str, table: str) -> list[Any]:
        """The answer to a query in which {} stands for the rows of a table that has landed."""
        return self.connection.execute(sql.replace("{}", _numbered(self.file(table)))).fetchall()


def _numbered(file: Path) -> str:
    return f"read_parquet({path_literal(file)}, file_row_number = true, hive_partitioning = false)"
