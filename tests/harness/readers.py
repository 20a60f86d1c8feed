"""Readers of what is published, in processes of their own: each read must be of one version.

    python readers.py files HOME STOP
    python readers.py http HOME STOP PORT KEY ORGANIZATION_ID

read until the file STOP is there, then print how often, of which versions, and what was wrong.
"""

import hashlib
import http.client
import json
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import duckdb

SECONDS_AT_MOST = 4 * 3600
SECONDS_BETWEEN_READS = 0.03  # so that what is killed has processors, too
PATH = "/api/v1/analytics/invoice_collection"

Sums = dict[str, tuple[int, int]]
"""By currency: how many invoices, and their amount."""


def manifest_of(version: Path) -> dict[str, Any]:
    manifest: dict[str, Any] = json.loads((version / "manifest.json").read_text())
    return manifest


def sums_of(manifest: dict[str, Any]) -> Sums:
    return {
        each["currency"]: (each["invoices_count"], int(each["amount_cents"]))
        for each in manifest["sums"]
    }


def sums_in(database: Path, relation: str, organization_id: str | None = None) -> Sums:
    with duckdb.connect(str(database), read_only=True) as connection:
        rows = connection.execute(
            f"select currency, sum(invoices_count), sum(amount_cents::hugeint) from {relation}"
            " where coalesce(organization_id = ?, true) group by currency",
            [organization_id],
        ).fetchall()
    return {currency: (count, cents) for currency, count, cents in rows}


def read_files(published: Path) -> str:
    """Read the current version's files and compare each with its manifest."""
    version = (published / "current").resolve()
    manifest = manifest_of(version)
    assert manifest["version"] == version.name, "the manifest is of another version"
    for relation in ("invoice_collection", f"'{version}/invoice_collection.parquet'"):
        found = sums_in(version / "invoice_collection.duckdb", relation)
        assert found == sums_of(manifest), f"{relation} is not as its manifest says"
    for name, facts in manifest["files"].items():
        digest = hashlib.sha256((version / name).read_bytes()).hexdigest()
        assert digest == facts["sha256"], f"{name} is not as its manifest says"
    return version.name


class Asker:
    """Asks the server and finds the version whose figures it answered."""

    def __init__(self, published: Path, port: int, key: str, organization_id: str) -> None:
        self._published = published
        self._headers = {"Authorization": f"Bearer {key}"}
        self._organization_id = organization_id
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        self._known: dict[tuple[tuple[str, int, int], ...], str] = {}

    def __call__(self) -> str:
        self._connection.request("GET", PATH, headers=self._headers)
        response = self._connection.getresponse()
        body = response.read()
        assert response.status == 200, f"{response.status}: {body!r}"
        figures: dict[str, list[int]] = defaultdict(lambda: [0, 0])
        for row in json.loads(body)["invoice_collections"]:
            if "currency" in row:
                figures[row["currency"]][0] += row["invoices_count"]
                figures[row["currency"]][1] += row["amount_cents"]
        answered = tuple((code, *sums) for code, sums in sorted(figures.items()))
        if answered not in self._known:
            for version in self._published.glob("2*"):
                sums = sums_in(
                    version / "invoice_collection.duckdb",
                    "invoice_collection",
                    self._organization_id,
                )
                expected = tuple((code, *figures) for code, figures in sorted(sums.items()))
                self._known[expected] = version.name
        assert answered in self._known, "the answer is of no version that was published"
        return self._known[answered]


def main(kind: str, home: str, stop: str, *rest: str) -> None:
    published = Path(home) / "published"
    read: Callable[[], str] = partial(read_files, published)
    if kind == "http":
        read = Asker(published, int(rest[0]), rest[1], rest[2])
    reads, versions, problems = 0, set(), []
    end = time.monotonic() + SECONDS_AT_MOST
    while not Path(stop).exists() and time.monotonic() < end and len(problems) < 5:
        reads += 1
        time.sleep(SECONDS_BETWEEN_READS)
        try:
            versions.add(read())
        except Exception as problem:
            problems.append(f"{type(problem).__name__}: {problem}")
    print(json.dumps({"reads": reads, "versions": sorted(versions), "problems": problems}))


if __name__ == "__main__":
    main(*sys.argv[1:])
