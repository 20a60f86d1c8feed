"""Why invoices are left out of the report: the seed `exclusion_reasons`, read for Python."""

import csv
from dataclasses import dataclass
from functools import cache

from harness.foundation.home import PROJECT

_SEED = PROJECT / "seeds" / "reference" / "exclusion_reasons.csv"


@dataclass(frozen=True)
class Reason:
    """One reason: what is so about the invoices, and what to do about it where that is a fault."""

    code: str
    is_data_fault: bool
    column: str | None
    """Lago's column that is at fault; None where there is no fault of the data."""
    description: str
    advice: str


@cache
def reasons() -> dict[str, Reason]:
    """The reasons by their code, in the order in which they are tried."""
    with _SEED.open(encoding="utf-8", newline="") as lines:
        rows = sorted(csv.DictReader(lines), key=lambda row: int(row["position"]))
    return {
        row["exclusion_reason"]: Reason(
            code=row["exclusion_reason"],
            is_data_fault=row["is_data_fault"] == "true",
            column=row["column_at_fault"] or None,
            description=row["description"],
            advice=row["advice"],
        )
        for row in rows
    }


def reason(code: str) -> Reason:
    """The reason with that code; one that the seed lacks, as of a later version, has only it."""
    return reasons().get(code, Reason(code, False, None, code, ""))
