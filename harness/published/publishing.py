"""Making a checked build the published version, in one atomic step."""

import platform
import shutil
from dataclasses import asdict
from importlib.metadata import version as version_of
from pathlib import Path
from typing import Any

import duckdb

from harness.build.building import Build, current_build
from harness.check.checking import recorded_check
from harness.check.findings import Exclusion, Finding, by_reason, few_findings
from harness.collection.version import Published, published_in
from harness.foundation.errors import HarnessError, Refused
from harness.foundation.files import plain_path, sha256_of, write_json
from harness.foundation.home import Home, now
from harness.foundation.resources import machine_fault
from harness.foundation.versions import make_current, new_id, newest_in, prune, stage
from harness.load.loading import current_load
from harness.published.invoices import keep_invoices
from harness.published.tables import write_tables
from harness.sources.formats import literal

AS_OF_REMARK = (
    "The as-of date sets the last month of the report. Payment statuses are those at the time of"
    " loading; it does not bring back those of the past."
)


def publish(home: Home, keep: int = 3) -> Published:
    """Publish the scratch build, if its last check passed and it has not changed since.

    Raises Refused otherwise. The newest `keep` versions stay, and the one before in any case, since
    somebody may be reading it; an older one that cannot be removed is a warning.
    """
    check = recorded_check(home)
    built = current_build(home)
    load = current_load(home)
    scratch = home.scratch / "collection.duckdb"
    if not check["passed"]:
        raise Refused("the build did not pass its check and is not published; run: harness check")
    if check["load_id"] != load.load_id:
        raise Refused("raw data was loaded again since the check; run: harness build, then check")
    if check["build_id"] != built.build_id:
        raise Refused("the build is not the one that was checked; run: harness check")
    if sha256_of(scratch) != check["scratch_sha256"]:
        raise Refused(f"{scratch} has changed since its check; run: harness check")
    before = newest_in(home.published)
    if before and before.name != check["published_version"] and not _is_of(before, built):
        raise Refused(f"{before.name} is published since the check; run: harness check")

    excluded = [Exclusion(**each) for each in check["exclusions"]]
    moment = now()
    version = new_id(moment)
    staged = stage(home.published, version)
    try:
        with plain_path(staged) as plain:
            tables, sums = _write(home, plain)
        manifest = {
            "version": version,
            "build_id": built.build_id,
            "published_at": moment.isoformat(timespec="seconds"),
            "as_of_date": built.as_of_date,
            "as_of_remark": AS_OF_REMARK,
            "source": load.source,
            "load": {
                "load_id": load.load_id,
                "loaded_at": load.loaded_at,
                "options": load.options,
                "read": load.read,
                "deleted": load.deleted,
                "superseded": load.superseded,
                "raw": load.raw,
            },
            "rows": tables,
            "sums": sums,
            "exclusions": [asdict(each) for each in by_reason(excluded)],
            "checks": [
                {key: getattr(finding, key) for key in ("check", "name", "status", "message")}
                for finding in few_findings([Finding(**each) for each in check["findings"]])
            ],
            "files": {
                file.name: {"bytes": file.stat().st_size, "sha256": sha256_of(file)}
                for file in sorted(staged.iterdir())
                if file.is_file()
            },
            "tools": {"python": platform.python_version()}
            | {
                name: version_of(name)
                for name in ("lago-invoice-collection", "dbt-core", "dbt-duckdb", "duckdb")
            },
        }
        write_json(staged / "manifest.json", manifest)
        path = make_current(staged, version)
    except (OSError, duckdb.Error) as error:
        raise machine_fault(str(error)) or HarnessError(
            f"{home.published} cannot be written ({error}); what was published before stays"
        ) from error
    finally:
        shutil.rmtree(staged, ignore_errors=True)
    prune(home.published, keep, {version} | ({before.name} if before else set()))
    return Published(path, manifest)


def _is_of(version: Path, built: Build) -> bool:
    return bool(published_in(version).manifest["build_id"] == built.build_id)


def _write(home: Home, staged: Path) -> tuple[dict[str, int], list[dict[str, Any]]]:
    """Write what is published of the scratch build; returns how many rows, and sums by currency."""
    with duckdb.connect() as connection:
        scratch = literal(str(home.scratch / "collection.duckdb"))
        # By the name that the views of the build know it by.
        connection.execute(f"attach {scratch} as collection (read_only); use collection")
        counts = write_tables(connection, staged)
        keep_invoices(connection, home.raw, staged)
        sums = connection.execute(
            "select currency, sum(invoices_count), sum(cast(amount_cents as decimal(38, 0)))"
            " from invoice_collection group by currency order by currency"
        ).fetchall()
    return counts, [
        {"currency": currency, "invoices_count": int(count), "amount_cents": str(cents)}
        for currency, count, cents in sums
    ]
