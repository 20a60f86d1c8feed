"""The HTML report of a published version: one file without scripts, for screen and paper."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import duckdb
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from harness.collection.collection import Collection, Organization, Published
from harness.collection.reasons import Reason, reason
from harness.foundation.files import replace_file
from harness.published.origin import INVENTED, command_again
from harness.published.show import percent
from harness.report.chart import chart
from harness.report.figures import CurrencyFigures, counted, currency_figures, tiles

_EXAMPLES = 3


@dataclass(frozen=True)
class CurrencySection:
    """What the report shows of one currency of an organization."""

    id: str
    figures: CurrencyFigures
    chart: Markup


@dataclass(frozen=True)
class OrganizationSection:
    """What the report shows of an organization."""

    id: str
    title: str
    organization: Organization
    currencies: tuple[CurrencySection, ...]


@dataclass(frozen=True)
class LeftOut:
    """Invoices of one organization that are left out for one reason."""

    organization: str
    reason: Reason
    invoices_count: int
    examples: tuple[str, ...]
    is_data_fault: bool
    given: str | None


def write_report(version: Published, progress: Callable[[float, str], None]) -> Path:
    """Write report.html beside the data of the version, in one step; returns its path.

    `progress` is told of the share of the work that is done.
    """
    html = render(version.manifest, version.collection(), _examples(version), progress)
    path = version.path / "report.html"
    replace_file(path, html)
    return path


def render(
    manifest: dict[str, Any],
    collection: Collection,
    examples: dict[tuple[str | None, str], list[str]],
    progress: Callable[[float, str], None],
) -> str:
    """The report as HTML.

    `examples` has ids of invoices that are left out, by organization and reason.
    """
    # Whatever comes from data is escaped; an unknown name in the template is an error.
    environment = Environment(
        loader=PackageLoader("harness.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"counted": counted, "percent": percent}
    environment.filters |= {"month": _month, "moment": _moment, "breakable": _breakable}
    load = manifest["load"]
    left_out = list(_left_out(manifest, collection, examples))
    source = manifest.get("source")
    return environment.get_template("report.html.j2").render(
        manifest=manifest,
        invented=INVENTED if source == "sample" else None,
        again=command_again("run", source, load.get("options", [])) if source else "harness run",
        superseded=load.get("superseded", 0),
        deleted=load.get("deleted", 0),
        as_of_date=collection.as_of_date,
        organizations=_organization_sections(collection, progress),
        collected=sum(
            row.invoices_count for each in collection.organizations.values() for row in each.rows
        ),
        data_faults=[each for each in left_out if each.is_data_fault],
        on_purpose=[each for each in left_out if not each.is_data_fault],
        tiles=tiles,
    )


def _organization_sections(
    collection: Collection, progress: Callable[[float, str], None]
) -> list[OrganizationSection]:
    all_figures = {
        each.id: list(currency_figures(each, collection))
        for each in collection.organizations.values()
    }
    charts = sum(map(len, all_figures.values()))
    sections = []
    drawn = 0
    for number, organization in enumerate(collection.organizations.values(), start=1):
        currencies = []
        for figures in all_figures[organization.id]:
            progress(drawn / charts, f", {drawn} of {charts} charts")
            id_ = f"organization-{number}-{figures.code}"
            title = f"Amounts in {figures.code} by month and payment status"
            picture = chart(figures, f"{id_}-chart", title, _description(figures))
            currencies.append(CurrencySection(id_, figures, picture))
            drawn += 1
        sections.append(
            OrganizationSection(
                f"organization-{number}", _title(organization), organization, tuple(currencies)
            )
        )
    return sections


def _description(figures: CurrencyFigures) -> str:
    first, last = _month(figures.months[0].month), _month(figures.months[-1].month)
    largest = max(figures.months, key=lambda each: each.invoiced.amount_cents)
    return (
        f"Stacked bars from {first} to {last}, which is not over yet: collected at the bottom, open"
        f" in the middle, failed on top. Most was invoiced in {_month(largest.month)}:"
        f" {figures.money(largest.invoiced.amount_cents)} {figures.code}. All figures are in the"
        " table below."
    )


def _left_out(
    manifest: dict[str, Any],
    collection: Collection,
    examples: dict[tuple[str | None, str], list[str]],
) -> Iterator[LeftOut]:
    for each in manifest["exclusions"]:
        id_, code = each["organization_id"], each["reason"]
        known = collection.organizations.get(id_)
        first = each["example_invoice_id"]
        others = [other for other in examples.get((id_, code), []) if other != first]
        yield LeftOut(
            organization=_title(known) if known else id_ or "none given",
            reason=reason(code),
            invoices_count=each["invoices_count"],
            examples=(first, *others)[:_EXAMPLES],
            is_data_fault=each["is_data_fault"],
            given=each["given"],
        )


def _examples(version: Published) -> dict[tuple[str | None, str], list[str]]:
    found: dict[tuple[str | None, str], list[str]] = defaultdict(list)
    with duckdb.connect(str(version.database), read_only=True) as connection:
        for id_, reason, example in connection.execute(
            "select organization_id, exclusion_reason, min(example_invoice_id)"
            " from invoice_exclusions group by organization_id, exclusion_reason, month"
            " order by organization_id nulls last, exclusion_reason, month desc nulls last"
        ).fetchall():
            found[id_, reason].append(example)
    return found


def _title(organization: Organization) -> str:
    return organization.name or f"Organization {organization.id}"


def _month(month: date) -> str:
    return f"{month:%B %Y}"


def _moment(text: str) -> str:
    return f"{datetime.fromisoformat(text):%Y-%m-%d %H:%M:%S} UTC"


def _breakable(amount: str) -> Markup:
    # A very long one may break, but not within a group of digits.
    return Markup(",<wbr>").join(amount.split(","))
