"""Nothing shrinks unseen: the build beside the version that is published."""

from collections.abc import Iterator
from datetime import date
from typing import Literal, NamedTuple

import duckdb

from harness.check.findings import Finding
from harness.collection.collection import Published, published
from harness.foundation.errors import HarnessError
from harness.foundation.home import Home
from harness.load.loading import Load
from harness.load.origin import SAMPLE

_COUNTS = (
    "select organization_id, sum(invoices_count) from invoice_collection where month <= $1"
    " group by organization_id"
)
_FEW = 5  # invoices that may go from any organization
_HARDLY_ANY = 2  # invoices that may go even where they are more than half


class _Fall(NamedTuple):
    organization_id: str
    name: str | None
    before: int
    now: int

    def __str__(self) -> str:
        name = f"{self.name} ({self.organization_id})" if self.name else self.organization_id
        return f"{name}: {self.before:,} → {self.now:,}"


def shrinkage_finding(
    home: Home, load: Load, as_of_date: str, connection: duckdb.DuckDBPyConnection, allowed: bool
) -> Finding:
    """Which organizations have lost collected invoices since the published version.

    They are counted up to the earlier of the two as-of months. With `allowed` it is a warning.
    """
    name = "collected invoices"
    if not (home.published / "current").is_symlink():
        return Finding("published version", name, "pass", "nothing is published yet")
    try:
        before = published(home)
        if before.manifest["source"] == SAMPLE:
            return Finding(
                "published version", name, "pass", "it is the sample, which is no measure"
            )
        falls = list(_falls(before, connection, as_of_date))
    except (HarnessError, OSError, KeyError, duckdb.Error) as error:
        message = f"it cannot be read, so nothing can be compared with it: {error}"
        return Finding("published version", name, _status(allowed), message + _remedy(allowed))
    if not load.raw and any(each.before for each in falls):
        lost = falls
    else:
        lost = [each for each in falls if _is_too_much(each)]
    if not lost:
        return Finding("published version", name, "pass", "no organization has shrunk")
    listed = "; ".join(map(str, lost[:5])) + "; ..." * (len(lost) > 5)
    message = (
        f"{len(lost):,} organization{'s have' if len(lost) > 1 else ' has'} fewer collected"
        f" invoices than in version {before.manifest['version']}: {listed}{_remedy(allowed)}"
    )
    rows = [each._asdict() for each in lost]
    return Finding("published version", name, _status(allowed), message, rows)


def _status(allowed: bool) -> Literal["warn", "fail"]:
    return "warn" if allowed else "fail"


def _remedy(allowed: bool) -> str:
    return "" if allowed else "; where that is right: --allow-shrink"


def _falls(
    before: Published, connection: duckdb.DuckDBPyConnection, as_of_date: str
) -> Iterator[_Fall]:
    names = {each["id"]: each["name"] for each in before.manifest["organizations"]}
    last = min(date.fromisoformat(as_of_date), date.fromisoformat(before.manifest["as_of_date"]))
    with duckdb.connect(str(before.database), read_only=True) as old:
        counted = old.execute(_COUNTS, [last.replace(day=1)]).fetchall()
    now = dict(connection.execute(_COUNTS, [last.replace(day=1)]).fetchall())
    for id_, count in sorted(counted):
        yield _Fall(id_, names.get(id_), int(count), int(now.get(id_, 0)))


def _is_too_much(fall: _Fall) -> bool:
    lost = fall.before - fall.now
    return (lost > _FEW and lost * 10 > fall.before) or (
        lost > _HARDLY_ANY and lost * 2 > fall.before
    )
