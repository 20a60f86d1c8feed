"""What the builds on stand-ins share: dbt in this process, and its results as a file."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from dbt.cli.main import dbtRunner
from engines import MARTS, PROJECT
from judged import COLUMNS, judging_query

# The types of Lago's own tables; every other column is text.
TYPES = {
    **dict.fromkeys(("status", "payment_status", "invoice_type"), "integer"),
    **dict.fromkeys(("issuing_date", "payment_due_date"), "date"),
    **dict.fromkeys(("total_amount_cents", "total_paid_amount_cents"), "integer"),
    "self_billed": "boolean",
    **dict.fromkeys(("payment_dispute_lost_at", "archived_at", "deleted_at"), "timestamp"),
    **dict.fromkeys(("created_at", "updated_at"), "timestamp"),
}
# The same where an integer has 32 bits.
WIDE_TYPES = TYPES | dict.fromkeys(("total_amount_cents", "total_paid_amount_cents"), "bigint")
Rows = list[tuple[Any, ...]]
Judging = Callable[[str], Callable[[str], Rows]]


def built(
    target: str,
    relation: str,
    directory: Path,
    arguments: Sequence[str],
    query: Callable[[str], Rows],
    judging: Judging,
) -> None:
    """Runs dbt, and writes results.json to the directory.

    relation is what a relation's name is written in, query reads rows. Where the directory has a
    file values.json, the reasons that the compiled models give for its values, SQL each, are
    written as well; judging reads a query's rows for a value in its given_value. Raises what dbt
    itself raises.
    """
    places = ("--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT), "--threads", "1")
    kept = ("--target-path", str(directory / "target"), "--log-path", str(directory / "logs"))
    run = dbtRunner().invoke([*arguments, "--target", target, *places, *kept])
    if run.exception:
        raise run.exception
    results: dict[str, Any] = {
        "statuses": {each.node.name: str(each.status) for each in run.result.results},
        "messages": {
            each.node.name: each.message
            for each in run.result.results
            if each.status in ("error", "fail", "runtime error")
        },
    }
    if run.success:
        results["marts"] = {
            mart: query(
                f"select {', '.join(f'cast({name} as string)' for name in names)}"
                f" from {relation.format(mart)}"
            )
            for mart, names in MARTS.items()
        }
        values = directory / "values.json"
        if values.exists():
            judge = judging(judging_query(directory / "target"))
            judged = {value: dict(judge(value)) for value in json.loads(values.read_text())}
            results["judged"] = {
                value: [reasons[column] for column in COLUMNS] for value, reasons in judged.items()
            }
    (directory / "results.json").write_text(json.dumps(results, default=str))
