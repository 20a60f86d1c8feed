"""The pages of a crawl that have arrived, on the disk: one that was cut off is resumed there."""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import orjson

from harness.foundation.errors import HarnessError
from harness.foundation.files import make_directory, replace_file
from harness.sources.responses import lighter

DAYS_KEPT = 1
"""After so many days the first pages say too little of what is."""


@dataclass
class KeptPages:
    """Pages of invoices by their number, and for some of them which invoices they had at first."""

    directory: Path
    began: datetime
    """When the first page was asked for, which is the moment that the data are of."""
    is_resumed: bool = False
    """Whether pages were here before."""
    crawl: dict[str, Any] = field(default_factory=dict)
    """What makes it the same crawl."""

    @classmethod
    def of(
        cls,
        directory: Path,
        crawl: dict[str, Any],
        moment: datetime,
        note: Callable[[str], None],
    ) -> "KeptPages":
        """The pages of this very crawl, if it was cut off not long before `moment`, or else none.

        `crawl` is what makes it the same one; pages of another are removed, and `note` is told.
        """
        pages = cls(directory, moment, crawl=crawl)
        if pages._facts.exists():
            known = _read(pages._facts, directory)
            pages.began = began = datetime.fromisoformat(known.pop("began"))
            when = f"the crawl of {known['url']} that began {began:%Y-%m-%d %H:%M:%S} UTC"
            if known == crawl and moment - began < timedelta(days=DAYS_KEPT):
                note(
                    f"resuming {when}: {pages.count:,} pages are already here, and the data are as"
                    f" of that moment; to start over, remove {directory}"
                )
                pages.is_resumed = True
                return pages
            why = "is too old to resume" if known == crawl else "was another one"
            note(f"{when} {why}: its {pages.count:,} pages are removed")
        pages.remove()
        pages.began = moment
        return pages

    @property
    def count(self) -> int:
        """How many pages are here."""
        return sum(1 for _ in self.directory.glob("page-*.json"))

    def has(self, page: int) -> bool:
        """Whether a page is here."""
        return self._page(page).exists()

    def read(self, page: int) -> Any:
        """The body of a page that is here."""
        return _read(self._page(page), self.directory)

    def keep(self, page: int, body: Any) -> None:
        """Write what is used of a page to the disk; of the first one, all fields of an invoice."""
        if not self._facts.exists():
            make_directory(self.directory)
            replace_file(self._facts, json.dumps(self.crawl | {"began": self.began.isoformat()}))
        text = orjson.dumps(lighter(body, "invoices", whole_first=page == 1)).decode()
        replace_file(self._page(page), text)

    def forget(self, pages: range) -> None:
        """Remove pages, where they are here."""
        for page in pages:
            self._page(page).unlink(missing_ok=True)

    def mark(self, start: int) -> tuple[int, list[str]] | None:
        """The last page of the pages from `start` that were asked for at once, and its first ids.

        None where they were not, or where they are known to be right.
        """
        path = self._mark(start)
        if not path.exists():
            return None
        known = _read(path, self.directory)
        return known["page"], known["ids"]

    def set_mark(self, start: int, page: int, ids: list[str]) -> None:
        """Note which ids the last page had before the others from `start` were asked for."""
        self.is_resumed = False
        replace_file(self._mark(start), json.dumps({"page": page, "ids": ids}))

    def remove_mark(self, start: int) -> None:
        """The pages from `start` are right as they are."""
        self._mark(start).unlink(missing_ok=True)

    def remove(self) -> None:
        """Remove everything."""
        shutil.rmtree(self.directory, ignore_errors=True)

    @property
    def _facts(self) -> Path:
        return self.directory / "crawl.json"

    def _page(self, page: int) -> Path:
        return self.directory / f"page-{page:08}.json"

    def _mark(self, start: int) -> Path:
        return self.directory / f"mark-{start:08}.json"


def _read(path: Path, directory: Path) -> Any:
    try:
        return orjson.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise HarnessError(
            f"{path} cannot be read ({error}); remove {directory} to start the crawl over"
        ) from error
