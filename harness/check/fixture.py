"""Fixtures: the rows that are expected of a collection, as a CSV beside a .yml with the facts."""

import csv
from pathlib import Path
from typing import Any

import duckdb
import yaml

from harness.foundation.errors import HarnessError

COLUMNS = (
    "organization_id",
    "month",
    "payment_status",
    "currency",
    "invoices_count",
    "amount_cents",
)
_KEY = COLUMNS[:4]
# What the published CSV has beside these columns; it may serve as a fixture.
_PUBLISHED_BESIDE = ("organization_name", "amount")


def differences(
    connection: duckdb.DuckDBPyConnection, fixture: Path, as_of_date: str
) -> list[dict[str, Any]]:
    """The rows of invoice_collection that are missing, unexpected or different, with both values.

    The comparison covers all rows of the fixture's organizations. Raises HarnessError where the
    fixture cannot be read or is for another as-of date.
    """
    expected, organizations = _read_fixture(fixture, as_of_date)
    found = {
        tuple(row[:4]): tuple(row[4:])
        for row in connection.execute(
            "select organization_id, cast(month as varchar), payment_status, currency,"
            " cast(invoices_count as varchar), cast(amount_cents as varchar)"
            " from invoice_collection where list_contains($1, organization_id)",
            [organizations],
        ).fetchall()
    }
    rows = []
    for key in sorted(expected.keys() | found.keys(), key=str):
        if expected.get(key) != found.get(key):
            rows.append(
                dict(zip(_KEY, key, strict=True))
                | {"difference": _difference(key in expected, key in found)}
                | {
                    f"{side}_{column}": value
                    for side, cells in (("expected", expected), ("found", found))
                    for column, value in zip(COLUMNS[4:], cells.get(key, ()), strict=False)
                }
            )
    return rows


def _difference(is_expected: bool, is_found: bool) -> str:
    if is_expected and is_found:
        return "different"
    return "missing" if is_expected else "unexpected"


def _read_fixture(
    fixture: Path, as_of_date: str
) -> tuple[dict[tuple[Any, ...], tuple[Any, ...]], list[str]]:
    facts_file = fixture.with_suffix(".yml")
    try:
        with fixture.open(encoding="utf-8", newline="") as handle:
            header, *lines = list(csv.reader(handle)) or [[]]
        facts = yaml.safe_load(facts_file.read_text(encoding="utf-8"))
        fixed_date, organizations = str(facts["as_of_date"]), list(facts["organizations"])
    except (OSError, UnicodeDecodeError, csv.Error, yaml.YAMLError) as error:
        raise HarnessError(f"the fixture {fixture} cannot be read: {error}") from error
    except (KeyError, TypeError) as error:
        raise HarnessError(
            f"{facts_file} must have the keys as_of_date, organizations and origin"
        ) from error
    if tuple(name for name in header if name not in _PUBLISHED_BESIDE) != COLUMNS:
        raise HarnessError(
            f"{fixture} must have the columns {', '.join(COLUMNS)}; it has {', '.join(header)}"
        )
    if fixed_date != as_of_date:
        raise HarnessError(
            f"{fixture} is for the as-of date {fixed_date}, the build for {as_of_date};"
            f" run: harness build --as-of {fixed_date}"
        )
    expected: dict[tuple[Any, ...], tuple[Any, ...]] = {}
    places = [header.index(name) for name in COLUMNS]
    for number, line in enumerate(lines, start=2):
        values = tuple(line[place] or None for place in places if place < len(line))
        if len(line) != len(header) or values[:4] in expected:
            raise HarnessError(f"{fixture}, row {number}: not {len(header)} values, or a key twice")
        expected[values[:4]] = values[4:]
    return expected, [str(id_) for id_ in organizations]
