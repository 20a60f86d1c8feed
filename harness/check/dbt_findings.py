"""What dbt says of a build: a finding for each model, seed and data test."""

from collections.abc import Iterator
from typing import Any

import duckdb

from harness.build.building import UNIQUENESS_TEST, Build, dbt_results
from harness.check.findings import ROWS_SHOWN, SKIPPED, Finding
from harness.foundation.home import Home

LIMITS_TEST = "data_faults_stay_within_limits"


def dbt_findings(
    home: Home, built: Build, connection: duckdb.DuckDBPyConnection
) -> Iterator[Finding]:
    """The findings of the build's own run of dbt; one that fails where there is another's."""
    results = dbt_results(home)
    if results["metadata"].get("invocation_id") != built.invocation_id:
        message = f"{home.scratch / 'target'} has the results of another run; run: harness build"
        yield Finding("dbt", "results", "fail", message)
        return
    findings = [
        _finding(connection, result)
        for result in results["results"]
        if not result["unique_id"].startswith(("exposure.", "saved_query."))
    ]
    if not built.succeeded and not any(each.status == "fail" for each in findings):
        message = "the build is recorded as failed, whatever dbt's results say; run: harness build"
        findings.append(Finding("dbt", "build", "fail", message))
    yield from findings
    if built.ids_proven_by_load:
        message = "left out: the load has found each id once, and raw is as it left it"
        yield Finding("dbt", f"test {UNIQUENESS_TEST}", "pass", message)


def _finding(connection: duckdb.DuckDBPyConnection, result: dict[str, Any]) -> Finding:
    kind, _, name, *_ = result["unique_id"].split(".")
    named, status = f"{kind} {name}", result["status"]
    if status in ("pass", "success"):
        return Finding("dbt", named, "pass", result["message"] or status)
    if status == "skipped":
        return Finding("dbt", named, "fail", SKIPPED)
    rows = _failing_rows(connection, result) if result["failures"] else []
    message = (result["message"] or status).strip()
    return Finding("dbt", named, "warn" if status == "warn" else "fail", message, rows)


def _failing_rows(
    connection: duckdb.DuckDBPyConnection, result: dict[str, Any]
) -> list[dict[str, Any]]:
    # A line of its own, as the query may end in a comment.
    query = f"select * from ({result['compiled_code']}\n) limit {ROWS_SHOWN}"
    try:
        found = connection.execute(query)
    except duckdb.Error as error:
        return [{"the rows cannot be read again": " ".join(str(error).split())}]
    names = [column[0] for column in found.description]
    return [
        {
            name: None if value is None else str(value)
            for name, value in zip(names, row, strict=True)
        }
        for row in found.fetchall()
    ]
