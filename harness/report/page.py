"""The pages of the HTML report: one of each organization, and the overview of all of them."""

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from harness.collection.collection import Collection, Organization
from harness.collection.sums import Sums
from harness.published.origin import INVENTED, command_again
from harness.published.show import major_units, percent
from harness.report.chart import short
from harness.report.details import Details, Receivables
from harness.report.figures import counted, currency_figures, months_over, named
from harness.report.sections import CurrencySection, Entry, invoice_lines, month_lines, sums_cells
from harness.report.summary import periods, tiles


@dataclass
class Total:
    """One currency of all organizations together: the last complete month, and what is due."""

    code: str
    subunits_per_unit: int
    sums: Sums
    due_cents: int

    def money(self, cents: int) -> str:
        """The exact amount in units of the currency."""
        return major_units(cents, self.subunits_per_unit)


class Pages:
    """What draws the pages of a version from its manifest and what is read of it.

    They stand in the directory `report`; report.html beside it is the page of the only
    organization, or else the overview.
    """

    def __init__(
        self,
        manifest: dict[str, Any],
        subunits_per_unit: dict[str, int],
        unknown: Details,
        alone: bool,
    ) -> None:
        """`unknown` is of no known organization; `alone` says that there is only one."""
        self._manifest = manifest
        self._subunits = subunits_per_unit
        self._unknown = unknown
        self._alone = alone
        self._entries: list[Entry] = []
        self._totals: dict[str, Total] = {}
        self._month: date | None = None
        self._collected = 0
        # Whatever comes from data is escaped; an unknown name in a template is an error.
        environment = Environment(
            loader=PackageLoader("harness.report"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        environment.filters |= {"counted": counted, "percent": percent}
        environment.filters |= {"month": named, "short": short, "moment": _moment}
        environment.filters |= {"cells": sums_cells, "month_lines": month_lines}
        environment.filters["invoice_lines"] = invoice_lines
        self._load, source = manifest["load"], manifest.get("source")
        again = command_again("run", source, self._load.get("options", [])) if source else None
        environment.globals |= {
            "as_of_date": manifest["as_of_date"],
            "as_of_remark": manifest["as_of_remark"],
            "loaded_at": self._load["loaded_at"],
            "invented": INVENTED if source == "sample" else None,
            "again": again or "harness run",
            "tiles": tiles,
            "periods": periods,
            "money_in": self._money_in,
        }
        self._organization_page = environment.get_template("organization.html.j2")
        self._overview = environment.get_template("index.html.j2")

    def organization(
        self, organization: Organization, collection: Collection, details: Details
    ) -> Iterator[tuple[str, str]]:
        """The pages of an organization, each after its path; it enters the overview, too."""
        loaded_at = self._load["loaded_at"]
        sections = [
            CurrencySection(figures, details.receivables.get(figures.code, Receivables()))
            for figures in currency_figures(organization, collection, loaded_at)
        ]
        title = organization.name or f"Organization {organization.id}"
        name = page_name(organization.id)
        collected = sum(row.invoices_count for row in organization.rows)
        self._collected += collected
        over = months_over(organization.months, loaded_at)
        self._enter(Entry.of(name, title, sections, details), sections, organization.months[:over])
        view = {
            "title": title,
            "months": organization.months,
            "currencies": sections,
            "details": details,
            "collected": collected,
            "alone": self._alone,
            "elsewhere": 0,
            "superseded": 0,
            "deleted": 0,
        }
        if self._alone:
            view |= self._not_landed()
            view["elsewhere"] = sum(each.invoices_count for each in self._unknown.left_out)
        yield f"report/{name}", self._organization_page.render(view, **_INSIDE, version=None)
        if self._alone:
            version = self._manifest["version"]
            yield "report.html", self._organization_page.render(view, **_BESIDE, version=version)

    def overview(self) -> Iterator[tuple[str, str]]:
        """The overview of the organizations that were drawn, each after its path."""
        view = {
            "manifest": self._manifest,
            "organizations": self._entries,
            "totals": [total for _, total in sorted(self._totals.items())],
            "month": self._month,
            "collected": self._collected,
            "data_faults": sum(each.faults for each in self._entries)
            + sum(each.invoices_count for each in self._unknown.faults),
            "unknown": self._unknown,
            **self._not_landed(),
        }
        yield "report/index.html", self._overview.render(view, **_INSIDE)
        if not self._alone:
            yield "report.html", self._overview.render(view, **_BESIDE)

    def _not_landed(self) -> dict[str, int]:
        return {name: self._load.get(name, 0) for name in ("superseded", "deleted")}

    def _enter(
        self, entry: Entry, sections: list[CurrencySection], complete: Sequence[date]
    ) -> None:
        self._entries.append(entry)
        self._month = max([*complete[-1:], *([self._month] if self._month else [])], default=None)
        for section in sections:
            code = section.figures.code
            total = self._totals.setdefault(
                code, Total(code, section.figures.subunits_per_unit, Sums.of([]), 0)
            )
            total.due_cents += section.receivables.due_cents
            if now := section.figures.complete():
                total.sums = Sums.of([total.sums, now])

    def _money_in(self, cents: int | None, currency: str | None) -> str:
        if cents is None:
            return ""
        if currency not in self._subunits:
            return f"{cents:,} cents"
        return f"{major_units(cents, self._subunits[currency])} {currency}"


# Where the files and the other pages are, as seen from a page.
_INSIDE = {"files": "../", "pages": ""}
_BESIDE = {"files": "", "pages": "report/"}


def page_name(organization_id: str) -> str:
    """What the page of an organization is called: its id, where that is fit for a file's name."""
    if re.fullmatch("[a-z0-9][a-z0-9-]{0,63}", organization_id) and organization_id != "index":
        return f"{organization_id}.html"
    return f"id-{hashlib.sha256(organization_id.encode()).hexdigest()[:32]}.html"


def _moment(text: str) -> str:
    return f"{datetime.fromisoformat(text):%Y-%m-%d %H:%M:%S} UTC"
