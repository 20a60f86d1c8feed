"""A published version: what is in its manifest and its database, and which one is current."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import duckdb

from harness.collection.collection import (
    ByCustomer,
    Collection,
    condition_of,
    read_collection,
    subunits_by_currency,
)
from harness.collection.names import in_order_of_name, one_of
from harness.foundation.errors import HarnessError
from harness.foundation.files import read_json
from harness.foundation.home import Home
from harness.foundation.versions import current_in

HOW_TO_PUBLISH = "run: harness run --from ... with your data, or harness run for the sample"


@dataclass(frozen=True)
class Published:
    """A published version: its directory and its manifest."""

    path: Path
    manifest: dict[str, Any]

    @property
    def database(self) -> Path:
        """The DuckDB file with the marts."""
        return self.path / "invoice_collection.duckdb"

    @property
    def is_sample(self) -> bool:
        """Whether it is of the project's sample, which is invented."""
        return self.manifest.get("source") == "sample"

    def subunits_per_unit(self) -> dict[str, int]:
        """How many of the smallest unit make a unit, by currency."""
        with duckdb.connect(str(self.database), read_only=True) as connection:
            return subunits_by_currency(connection)

    def organizations(self) -> dict[str, str | None]:
        """The names of all organizations by id, in order of name; those without one come last."""
        with duckdb.connect(str(self.database), read_only=True) as connection:
            return in_order_of_name(self._names(connection))

    def organization_id(self, asked: str | None) -> str:
        """The id of the organization with that id or exact name; of the only one for None.

        Raises HarnessError where there is none, or several.
        """
        return one_of(self.organizations(), asked)

    def collection(self, only: Sequence[str] | None = None) -> Collection:
        """Read the version into memory, but for what is by customer: all of it, or `only` some.

        `only` has the ids of organizations; those that there are not are left out.
        """
        with duckdb.connect(str(self.database), read_only=True) as connection:
            return read_collection(
                connection,
                date.fromisoformat(self.manifest["as_of_date"]),
                self._names(connection, only),
                "select organization_id, billing_entity_code, billing_entity_id"
                " from billing_entities",
                ByCustomer(self.database) if "customers" in self.manifest["rows"] else None,
                only,
            )

    def _names(
        self, connection: duckdb.DuckDBPyConnection, only: Sequence[str] | None = None
    ) -> dict[str, str | None]:
        # What was published before there was that table has them in its manifest.
        if "organizations" in self.manifest["rows"]:
            chosen, ids = condition_of(only)
            return dict(
                connection.execute(
                    f"select organization_id, organization_name from organizations{chosen}", ids
                ).fetchall()
            )
        listed = {each["id"]: each["name"] for each in self.manifest["organizations"]}
        return {id_: name for id_, name in listed.items() if only is None or id_ in only}


def published(home: Home) -> Published:
    """The current published version.

    Raises HarnessError where nothing is published, or the home is not as we leave it.
    """
    # Resolved first: a publish in between must not mix two versions.
    path = current_in(home.published)
    if path is None:
        raise HarnessError(f"nothing is published in {home.path}; {HOW_TO_PUBLISH}")
    return published_in(path)


def published_in(path: Path) -> Published:
    """The version in a directory; raises HarnessError where it is none, or is damaged."""
    nothing = f"{path} holds no published version; go back to another: harness rollback"
    manifest = read_json(path / "manifest.json", nothing)
    try:
        date.fromisoformat(manifest["as_of_date"])
        whole = isinstance(manifest["rows"], dict) and isinstance(manifest["load"], dict)
    except (KeyError, TypeError, ValueError):
        whole = False
    if not whole:
        raise HarnessError(
            f"{path / 'manifest.json'} is damaged; go back to another version: harness rollback"
        )
    return Published(path, manifest)
