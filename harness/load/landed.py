"""A table that has landed, and whether it has all invoices that Lago counted."""

from typing import NamedTuple

from harness.foundation.errors import HarnessError
from harness.load.versions import Dropped
from harness.sources.tables import Found, Source


class Landed(NamedTuple):
    """A table that has landed."""

    found: Found
    rows: int
    dropped: Dropped

    @property
    def lacks_some(self) -> bool:
        """Whether there are fewer invoices than Lago counted."""
        return self.rows < (self.found.announced or 0)


def what_is_lacking(invoices: Landed, source: Source) -> str | None:
    """What to note where there are fewer invoices than Lago counted; raises where they are due."""
    if not invoices.lacks_some:
        return None
    lacking = f"{invoices.rows} invoices, but Lago counted {invoices.found.announced}"
    if invoices.found.whole:
        return f"two crawls hold {lacking}; their pages are whole, so its count is old"
    lacking += ": some may have moved from page to page"
    if not source.files:
        raise HarnessError(
            f"two crawls of {source.name} hold {lacking}; load again when less is changed there"
        )
    return f"the pages hold {lacking} while they were saved; save them again"
