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

SECONDS_AT_MOST = 3600
PATH = "/api/v1/analytics/invoice_collection"

Sums = dict[tuple[str, str], tuple[int, int]]


def manifest_of(version: Path) -> dict[str, Any]:
    manifest: dict[str, Any] = json.loads((version / "manifest.json").read_text())
    return manifest


def sums_of(manifest: dict[str, Any]) -> Sums:
    return {
        (each["organization_id"], each["currency"]): (
            each["invoices_count"],
            int(each["amount_cents"]),
        )
        for each in manifest["sums"]
    }


def read_files(published: Path) -> str:
    """Read the current version's files and compare each with its manifest."""
    version = (published / "current").resolve()
    manifest = manifest_of(version)
    assert manifest["version"] == version.name, "the manifest is of another version"
    query = (
        "select organization_id, currency, sum(invoices_count), sum(amount_cents::hugeint)"
        " from {} group by all"
    )
    with duckdb.connect(str(version / "invoice_collection.duckdb"), read_only=True) as connection:
        for relation in ("invoice_collection", f"'{version}/invoice_collection.parquet'"):
            rows = connection.execute(query.format(relation)).fetchall()
            found = {(id_, currency): (count, cents) for id_, currency, count, cents in rows}
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
                manifest = manifest_of(version)
                expected = tuple(
                    (currency, *figures)
                    for (id_, currency), figures in sorted(sums_of(manifest).items())
                    if id_ == self._organization_id
                )
                self._known[expected] = manifest["version"]
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
        time.sleep(0.01)  # a bounded load
        try:
            versions.add(read())
        except Exception as problem:
            problems.append(f"{type(problem).__name__}: {problem}")
    print(json.dumps({"reads": reads, "versions": sorted(versions), "problems": problems}))


if __name__ == "__main__":
    main(*sys.argv[1:])
