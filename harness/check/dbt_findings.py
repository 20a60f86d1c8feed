"""What dbt's own results say of a build."""

from collections.abc import Iterator
from typing import Any

import duckdb

from harness.build.building import UNIQUENESS_TEST, Build, dbt_results
from harness.check.findings import ROWS_SHOWN, Finding
from harness.foundation.errors import HarnessError
from harness.foundation.home import Home


def dbt_findings(
    home: Home, built: Build, connection: duckdb.DuckDBPyConnection
) -> Iterator[Finding]:
    """A finding per model, seed and test.

    Raises HarnessError where the results are not those of the build.
    """
    results = dbt_results(home)
    if results["metadata"]["invocation_id"] != built.invocation_id:
        raise HarnessError(
            f"the results in {home.scratch} are of another run of dbt than the build; run: harness"
            " build"
        )
    has_failed = False
    for result in results["results"]:
        kind, _, name, *_ = result["unique_id"].split(".")
        if kind in ("exposure", "saved_query"):
            continue
        message = (result["message"] or result["status"]).strip()
        if result["status"] in ("pass", "success"):
            yield Finding("dbt", f"{kind} {name}", "pass", message)
        elif result["status"] == "warn":
            rows = _failing_rows(connection, result)
            yield Finding("dbt", f"{kind} {name}", "warn", message, rows)
        else:
            has_failed = True
            if result["status"] == "skipped":
                message = "skipped, since an earlier step failed"
            rows = _failing_rows(connection, result) if result["failures"] else []
            yield Finding("dbt", f"{kind} {name}", "fail", message, rows)
    if not built.succeeded and not has_failed:
        yield Finding("dbt", "the build", "fail", "dbt ended with an error; see its log")
    if built.ids_proven_by_load:
        message = "left out: the load has found each id once, and raw is as it left it"
        yield Finding("dbt", f"test {UNIQUENESS_TEST}", "pass", message)


def _failing_rows(
    connection: duckdb.DuckDBPyConnection, result: dict[str, Any]
) -> list[dict[str, Any]]:
    # A test may end in a comment, which the closing bracket must not be part of.
    sql = f"select * from (\n{result['compiled_code']}\n) limit {ROWS_SHOWN}"
    found = connection.execute(sql)
    names = [column[0] for column in found.description]
    return [
        {
            name: None if value is None else str(value)
            for name, value in zip(names, row, strict=True)
        }
        for row in found.fetchall()
    ]
