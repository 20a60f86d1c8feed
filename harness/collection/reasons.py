"""Why invoices do not count: the reasons of the project's seed, in their order."""

import csv
from dataclasses import dataclass
from functools import cache

from harness.foundation.home import PROJECT

_SEED = PROJECT / "seeds" / "reference" / "exclusion_reasons.csv"


@dataclass(frozen=True)
class Reason:
    """What is so about the invoices, and what to do where the data is at fault."""

    name: str
    is_data_fault: bool
    column_at_fault: str
    """Lago's column; empty where no data is at fault."""
    description: str
    advice: str


@cache
def reasons() -> dict[str, Reason]:
    """The reasons by name, in their order."""
    with _SEED.open(encoding="utf-8", newline="") as lines:
        return {
            row["exclusion_reason"]: Reason(
                row["exclusion_reason"],
                row["is_data_fault"] == "true",
                row["column_at_fault"],
                row["description"],
                row["advice"],
            )
            for row in csv.DictReader(lines)
        }


def reason_of(name: str) -> Reason:
    """The reason of that name; one that another release has published says its name alone."""
    return reasons().get(name, Reason(name, False, "", name, ""))
