"""The versions that are kept, and the way back to one of them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb

from harness.collection.version import HOW_TO_PUBLISH, Published, published_in
from harness.foundation.errors import HarnessError
from harness.foundation.home import Home
from harness.foundation.versions import current_in, dangles, point_at, versions_in
from harness.published.show import major_units

_UNREADABLE = (OSError, ValueError, KeyError, TypeError, duckdb.Error)


def kept_versions(home: Home) -> list[dict[str, Any]]:
    """What is known of each version that is kept, oldest first.

    That is version, as-of date, when it was published, its source, and per currency how many
    invoices of what amount, in the smallest unit; for one that cannot be read, why not.
    """
    current = _current(home)
    found = []
    for path in _kept(home):
        facts: dict[str, Any] = {"version": path.name, "current": path == current}
        try:
            facts |= _facts(path)
        except HarnessError as error:
            facts["unreadable"] = str(error)
        except _UNREADABLE as error:
            facts["unreadable"] = f"{type(error).__name__}: {error}"
        found.append(facts)
    return found


FLUSH_RIGHT = (4, 6)
"""The places of the numbers in lines_of_versions."""


def lines_of_versions(versions: Sequence[dict[str, Any]]) -> list[tuple[str, ...]]:
    """The cells of a line per version and currency below a header; amounts in major units.

    The current version is marked.
    """
    lines: list[tuple[str, ...]] = [
        ("", "version", "as of", "published", "invoices", "", "amount", "source")
    ]
    for each in versions:
        start = ("*" if each["current"] else "", each["version"])
        if "unreadable" in each:
            lines.append((*start, "", "", "", "", "", f"cannot be read: {each['unreadable']}"))
            continue
        facts = (*start, each["as_of_date"], each["published_at"])
        for total in each["sums"] or [None]:
            figures = ("0", "", "")
            if total:
                amount = major_units(int(total["amount_cents"]), total["subunits_per_unit"])
                figures = (f"{total['invoices_count']:,}", total["currency"], amount)
            lines.append((*facts, *figures, each["source"] if facts[1] else ""))
            facts = ("", "", "", "")
    return lines


def roll_back(home: Home, version: str | None) -> tuple[Published, str | None]:
    """Make a kept version the current one, and return it with the name of the one before.

    Without a name it is the newest that is older than the current one, if there is a current one.
    The caller holds the home's lock. Raises HarnessError where there is none, or it cannot be read.
    """
    current = _current(home)
    before = current.name if current else None
    known = {path.name: path for path in _kept(home)}
    if not known:
        raise HarnessError(f"nothing is published in {home.path}; {HOW_TO_PUBLISH}")
    if version is None:
        older = [name for name in known if before is None or name < before]
        if not older:
            raise HarnessError(f"no version is older than the current one, {before}")
        version = older[-1]
    if version not in known:
        raise HarnessError(f"there is no version {version!r}; there is: {', '.join(known)}")
    if version == before:
        raise HarnessError(f"{version} is the current version; name another: harness versions")
    try:
        chosen = published_in(known[version])
        chosen.collection([])
    except (HarnessError, *_UNREADABLE) as error:
        stays = f"; {before} stays the current version" if before else ""
        raise HarnessError(f"{known[version]} cannot be read ({error}){stays}") from error
    point_at(known[version])
    return chosen, before


def _current(home: Home) -> Path | None:
    return None if dangles(home.published) else current_in(home.published)


def _kept(home: Home) -> list[Path]:
    return versions_in(home.published) if home.published.is_dir() else []


def _facts(path: Path) -> dict[str, Any]:
    version = published_in(path)
    manifest = version.manifest
    with duckdb.connect(str(version.database), read_only=True) as connection:
        sums = connection.execute(
            "select currency, cast(sum(invoices_count) as bigint),"
            " cast(sum(amount_cents) as varchar), any_value(subunits_per_unit)"
            " from invoice_collection inner join currencies using (currency)"
            " group by currency order by currency"
        ).fetchall()
    names = ("currency", "invoices_count", "amount_cents", "subunits_per_unit")
    return {
        "as_of_date": manifest["as_of_date"],
        "published_at": manifest["published_at"],
        "source": manifest["source"],
        "sums": [dict(zip(names, each, strict=True)) for each in sums],
    }
