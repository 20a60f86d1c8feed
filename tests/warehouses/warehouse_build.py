"""What the builds on stand-ins of warehouses share: dbt in this process, and its results as a file."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from dbt.cli.main import dbtRunner

PROJECT = Path(__file__).parents[2]
# The types of Lago's own tables; every other column is text.
TYPES = {
    **dict.fromkeys(("status", "payment_status", "invoice_type"), "integer"),
    **dict.fromkeys(("issuing_date", "payment_due_date"), "date"),
    **dict.fromkeys(("total_amount_cents", "total_paid_amount_cents"), "integer"),
    "self_billed": "boolean",
    **dict.fromkeys(("payment_dispute_lost_at", "archived_at", "deleted_at"), "timestamp"),
    **dict.fromkeys(("created_at", "updated_at"), "timestamp"),
}
Marts = dict[str, list[tuple[Any, ...]]]


def built(
    target: str,
    directory: Path,
    variables: str,
    arguments: Sequence[str],
    marts: Callable[[Mapping[str, tuple[str, ...]]], Marts],
) -> None:
    """Runs dbt with the profiles in the directory, and writes results.json there; marts reads the
    marts, given their columns. Raises what dbt itself raises."""
    places = ("--project-dir", str(PROJECT), "--profiles-dir", str(directory))
    kept = ("--target-path", str(directory / "target"), "--log-path", str(directory / "logs"))
    run = dbtRunner().invoke([*arguments, "--target", target, *places, *kept, "--vars", variables])
    if run.exception:
        raise run.exception
    columns = json.loads((directory / "marts.json").read_text())
    results = {
        "statuses": {each.node.name: str(each.status) for each in run.result.results},
        "messages": {
            each.node.name: each.message
            for each in run.result.results
            if each.status in ("error", "fail", "runtime error")
        },
        "marts": marts(columns) if run.success else {},
    }
    (directory / "results.json").write_text(json.dumps(results, default=str))
