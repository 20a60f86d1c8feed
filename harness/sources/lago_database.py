"""Lago's own tables, read from its PostgreSQL database in one snapshot."""

import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from duckdb import DuckDBPyConnection, Error

from harness.foundation.errors import HarnessError
from harness.sources.error_texts import reading, server_reason, shortened
from harness.sources.formats import identifier, literal
from harness.sources.row_security import check_row_security
from harness.sources.tables import FOLLOW_UP, Column, Found, ReadInOneGo, Rows

SCHEMES = ("postgresql", "postgres")

_ADVICE = "load again once that is mended"
_EXTENSION = "duckdb_extension_postgres_scanner"
# What a secret takes; anything else that libpq knows goes into the connection string.
_SECRET = ("host", "port", "user", "password", "dbname")

_READABLE = """
select cast(pg_attribute.attname as text) as column_name
from pg_catalog.pg_attribute
inner join pg_catalog.pg_class on pg_class.oid = pg_attribute.attrelid
inner join pg_catalog.pg_namespace on pg_namespace.oid = pg_class.relnamespace
where pg_namespace.nspname = {schema} and pg_class.relname = {table}
    and pg_attribute.attnum > 0 and not pg_attribute.attisdropped
    and has_column_privilege(pg_class.oid, pg_attribute.attnum, 'select')
"""


class _Address(NamedTuple):
    parameters: dict[str, str]
    shown: str


@dataclass(frozen=True)
class Database(ReadInOneGo):
    """A source: the tables of a schema, all or those of one organization."""

    address: _Address
    schema: str
    organization: str | None

    @classmethod
    def at(cls, url: str, schema: str, organization: str | None) -> "Database":
        """The database of a URL; what it leaves out libpq takes from PG* variables.

        Raises HarnessError, which never quotes the URL, where that is none.
        """
        return cls(_address(url), schema, organization)

    @property
    def name(self) -> str:
        """Where the data comes from, without user and password."""
        only = f", organization {self.organization}" if self.organization else ""
        return f"{self.address.shown}, schema {self.schema}{only}"

    @property
    def files(self) -> dict[str, int]:
        """There are none."""
        return {}

    @contextlib.contextmanager
    def open(self, connection: DuckDBPyConnection) -> Iterator[None]:
        """Attach the database, read-only; all that is read in here is of one moment."""
        self._attach(connection)
        # One thread is one connection and so one snapshot, on a standby too; unordered, the rows
        # do not pile up in memory.
        ((threads,),) = connection.execute("select current_setting('threads')").fetchall()
        connection.execute("set threads = 1; set preserve_insertion_order = false")
        # By row numbers, one connection gains nothing, and a right to the columns does not do.
        connection.execute("set pg_use_ctid_scan = false")
        connection.execute("begin")
        try:
            with reading(self.name, _ADVICE):
                check_row_security(connection, self.schema, self.address.shown)
                self._check_organization(connection)
            yield
        except BaseException:
            # DuckDB ends the process where it closes a transaction whose server is gone.
            with contextlib.suppress(Error):
                connection.execute("rollback")
            raise
        connection.execute("commit")
        connection.execute(f"detach lago; set threads = {threads}; reset preserve_insertion_order")

    def find(self, connection: DuckDBPyConnection, table: str, work: Path) -> Found | None:
        """The rows of a table; None where there are no billing entities or customers to read."""
        columns = connection.execute(
            "select column_name, data_type from duckdb_columns() where database_name = 'lago' "
            "and schema_name = ? and table_name = ? order by column_index",
            [self.schema, table],
        ).fetchall()
        readable = self._readable(connection, table)
        # What no figure is made of may be read or not; the lack of a right to the rest is an error.
        if table == "customers" and not {"id", "organization_id"} <= readable:
            return None
        columns = [
            (name, type_)
            for name, type_ in columns
            if name in readable or not (table == "customers" or name in FOLLOW_UP)
        ]
        if not columns and table == "billing_entities":
            return None
        if not columns:
            raise HarnessError(
                f"{self.name} has no table {table} that this user may see; name its --schema, or "
                f"grant select on {table}"
            )
        sql = f"lago.{identifier(self.schema)}.{table}"
        if self.organization:
            key = "id" if table == "organizations" else "organization_id"
            sql += f" where {key} = {literal(self.organization)}"
        rows = Rows(sql, [Column(name, identifier(name), type_) for name, type_ in columns], True)
        return Found(rows, f"{self.name}, table {table}", advice=_ADVICE)

    def _readable(self, connection: DuckDBPyConnection, table: str) -> set[str]:
        """The columns of a table that the user may read."""
        sql = _READABLE.format(schema=literal(self.schema), table=literal(table))
        return {
            name
            for (name,) in connection.execute("from postgres_query('lago', ?)", [sql]).fetchall()
        }

    def _attach(self, connection: DuckDBPyConnection) -> None:
        extension = _packaged_extension()
        connection.execute(
            f"load {literal(str(extension))}" if extension else "install postgres; load postgres"
        )
        given = self.address.parameters
        secret = "".join(f", {name} {literal(given[name])}" for name in _SECRET if name in given)
        others = " ".join(
            f"{name}='{_escaped(given[name])}'" for name in given if name not in _SECRET
        )
        try:
            connection.execute(f"create temporary secret lago (type postgres{secret})")
            connection.execute(
                f"attach {literal(others)} as lago "
                f"(type postgres, read_only, secret lago, schema {literal(self.schema)})"
            )
        except Error as error:
            # Of what DuckDB says, only what comes from the server or the network; the rest may
            # quote the URL.
            reason = shortened(server_reason(str(error)) or "the URL has an odd value")
            if password := given.get("password"):
                reason = reason.replace(password, "***")
            raise HarnessError(
                f"cannot connect to {self.address.shown}: {reason}; check the URL, the PG* "
                "variables and the password"
            ) from None

    def _check_organization(self, connection: DuckDBPyConnection) -> None:
        if not self.organization:
            return
        table = f"lago.{identifier(self.schema)}.organizations"
        ids = [
            id_
            for (id_,) in connection.execute(f"select cast(id as varchar) from {table}").fetchall()
        ]
        if self.organization not in ids:
            raise HarnessError(
                f"{self.address.shown} has no organization {self.organization!r}; there is: "
                f"{', '.join(sorted(ids)[:20]) or 'none'}"
            )


def _packaged_extension() -> Path | None:
    package = find_spec(_EXTENSION)
    places = (package.submodule_search_locations or []) if package else []
    files = [file for place in places for file in Path(place).rglob("*.duckdb_extension")]
    return files[0] if files else None


def _address(url: str) -> _Address:
    try:
        parts = urlsplit(url)
        parameters = _places(parts)
        # An at sign behind the place is what is left of a password that was cut at / ? or #.
        if parts.fragment or "@" in parts.path:
            raise ValueError
        if parts.query:
            parameters |= parse_qsl(parts.query, strict_parsing=True)
        if any("@" in name for name in parameters):
            raise ValueError
    except ValueError:
        raise HarnessError(
            "the URL of the database is not understood; write postgresql://USER@HOST:PORT/NAME "
            "and percent-encode / ? # @ : and % of a password"
        ) from None
    if "sslpassword" in parameters:
        raise HarnessError("sslpassword is not taken from the URL; put it into a service file")
    place = ":".join(parameters[name] for name in ("host", "port") if name in parameters)
    service = f"?service={parameters['service']}" if "service" in parameters else ""
    return _Address(parameters, f"postgresql://{place}/{parameters.get('dbname', '')}{service}")


def _places(parts: SplitResult) -> dict[str, str]:
    """The parameters before the question mark; hosts and ports may be several."""
    credentials, _, places = parts.netloc.rpartition("@")
    user, _, password = credentials.partition(":")
    hosts, ports = [], []
    for place in places.split(","):
        found = re.fullmatch(r"(\[[^\]]*\]|[^:\[\]]*)(?::(\d*))?", place)
        if not found:
            raise ValueError
        hosts.append(found[1].strip("[]"))
        ports.append(found[2] or "")
    given = {
        "host": ",".join(hosts),
        "port": ",".join(ports),
        "user": user,
        "password": password,
        "dbname": parts.path.removeprefix("/"),
    }
    return {name: unquote(value) for name, value in given.items() if value.strip(",")}


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("'", "\\'")
