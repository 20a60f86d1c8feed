"""Writing the report of a published version beside its data."""

import contextlib
import gc
import os
import shutil
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path

import duckdb

from harness.collection.collection import read_collection
from harness.collection.version import Published
from harness.foundation.errors import HarnessError
from harness.foundation.files import replace_file
from harness.foundation.versions import versions_in
from harness.report.details import read_details, read_unknown
from harness.report.page import Pages

_AT_ONCE = 500
"""So many organizations are in memory at a time."""
_LISTS = ("uncollected_invoices", "receivables_aging", "faulty_invoices", "organizations")


def write_report(version: Published, progress: Callable[[float, str], None]) -> Path:
    """Write report.html and the pages in `report` beside the data of the version; returns its path.

    The pages are seen all at once, and a page that is like that of the version before is a hard
    link to it. `progress` is told of the share of the work that is done.
    """
    if not set(_LISTS) <= set(version.manifest["rows"]):
        raise HarnessError(
            f"version {version.path.name} was published before the report showed open and faulty"
            " invoices; the next run draws it: harness run"
        )
    directory, fresh = version.path / "report", version.path / ".report"
    before = _before(version.path)
    beside = {}
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir()
    try:
        for path, html in _pages(version, progress):
            name = path.removeprefix("report/")
            if name == path:
                beside[name] = html
            elif not _linked(before / name, fresh / name, html):
                (fresh / name).write_text(html, encoding="utf-8")
        if directory.exists():
            directory.rename(version.path / ".report.old")
        fresh.rename(directory)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
        shutil.rmtree(version.path / ".report.old", ignore_errors=True)
    for name, html in beside.items():
        replace_file(version.path / name, html)
    return version.path / "report.html"


def _pages(version: Published, progress: Callable[[float, str], None]) -> Iterator[tuple[str, str]]:
    names = version.organizations()
    ids = list(names)
    as_of_date = date.fromisoformat(version.manifest["as_of_date"])
    with duckdb.connect(str(version.database), read_only=True) as connection:
        unknown = read_unknown(connection)
        pages = Pages(version.manifest, version.subunits_per_unit(), unknown, len(ids) == 1)
        for start in range(0, len(ids), _AT_ONCE):
            chosen = ids[start : start + _AT_ONCE]
            collection = read_collection(
                connection, as_of_date, {id_: names[id_] for id_ in chosen}, None, only=chosen
            )
            details = read_details(connection, chosen)
            # It stays until they are drawn: nothing for the collector to look at after each page.
            gc.freeze()
            for drawn, id_ in enumerate(chosen, start=start):
                progress(drawn / len(ids), f", {drawn:,} of {len(ids):,} organizations")
                organization = collection.organizations[id_]
                yield from pages.organization(organization, collection, details[id_])
    yield from pages.overview()


def _before(version: Path) -> Path:
    """The pages of the version before; they may not be there."""
    older = [each for each in versions_in(version.parent) if each.name < version.name]
    return (older[-1] if older else version) / "report"


def _linked(known: Path, path: Path, html: str) -> bool:
    with contextlib.suppress(OSError):
        if known.read_text(encoding="utf-8") == html:
            os.link(known, path)
            return True
    return False
