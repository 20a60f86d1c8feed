"""The HTML report: its figures, its words, and how it looks in a browser."""

import csv
import itertools
import json
import re
import resource
import shutil
import struct
import subprocess
import sys
import zlib
from collections import Counter
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import browser
import pytest
from browser import Browser
from conftest import Harness
from html_page import Element, parsed

from harness.cli import make as cli
from harness.cli.group import main_group
from harness.collection.collection import Collection, Organization, Row
from harness.collection.reasons import reason
from harness.collection.version import Published, published
from harness.foundation.errors import HarnessError
from harness.foundation.home import PROJECT, Home
from harness.published.show import percent
from harness.report import writing as report
from harness.report.axis import Axis, broken, money_axis
from harness.report.chart import bars, lines, sparkline
from harness.report.details import Details, FaultyInvoice, LeftOut, OpenInvoice, Receivables
from harness.report.figures import CurrencyFigures, currency_figures
from harness.report.page import Pages, page_name
from harness.report.summary import periods, tiles

QUILLFERN = "11bedd82-2ba9-473b-b755-d9bca18f55be"
MAPLESTRAND = "72e2286b-2d17-433d-99b3-ce624b5dcaf3"
NASTY = '<script>alert(1)</script> & "Söhne" ' + "x" * 90
RIGHT_TO_LEFT = "شركة النور للبرمجيات"
AS_OF = date(2026, 6, 17)
IN_JUNE, IN_JULY = "2026-06-17T11:00:00Z", "2026-07-01T00:00:00Z"
LARGEST = 2**63 - 1
SUBUNITS = {"EUR": 100, "HUF": 1, "JPY": 1, "KWD": 1000, "CLF": 10000, "MRO": 5}
STATUSES = ("succeeded", "pending", "failed")
AXE = PROJECT / "target" / "javascript" / "node_modules" / "axe-core" / "axe.min.js"


def months(count: int) -> tuple[date, ...]:
    """So many months up to June 2026."""
    last = 2026 * 12 + 5
    numbers = range(last - count + 1, last + 1)
    return tuple(date(number // 12, number % 12 + 1, 1) for number in numbers)


def organization(
    count: int, *cells: tuple[int, str, str, int], name: str | None = "Some"
) -> Organization:
    """One with so many months and these cells: months before June 2026, status, currency, cents."""
    all_months = months(count)
    rows = [Row(all_months[-1 - ago], status, code, 1, cents) for ago, status, code, cents in cells]
    return Organization(f"id of {name}", name, all_months, tuple(rows), (), {})


def figures(
    count: int, *cells: tuple[int, str, str, int], loaded_at: str = IN_JUNE
) -> CurrencyFigures:
    """The figures of the only currency of such an organization."""
    some = organization(count, *cells)
    (found,) = currency_figures(some, Collection(AS_OF, {some.id: some}, SUBUNITS), loaded_at)
    return found


def euros(
    *cells: tuple[int, str, int], count: int = 24, loaded_at: str = IN_JULY
) -> CurrencyFigures:
    """The figures of an organization that has so many months and these cells in EUR."""
    given = [(ago, status, "EUR", cents) for ago, status, cents in cells]
    return figures(count, *given, loaded_at=loaded_at)


def drawn(
    *organizations: Organization,
    details: dict[str, Details] | None = None,
    unknown: Details | None = None,
    loaded_at: str = IN_JUNE,
) -> dict[str, str]:
    """The pages of these organizations, by their paths."""
    manifest = {
        "version": "20260617T120000Z-12345678",
        "published_at": "2026-06-17T12:00:00+00:00",
        "as_of_date": AS_OF.isoformat(),
        "as_of_remark": "A remark.",
        "load": {"loaded_at": loaded_at, "raw": 99, "superseded": 1200, "deleted": 7},
    }
    codes = {row.currency: 100 for each in organizations for row in each.rows} | SUBUNITS
    collection = Collection(AS_OF, {each.id: each for each in organizations}, codes)
    pages = Pages(manifest, codes, unknown or Details(), len(organizations) == 1)
    found = {}
    for each in organizations:
        found |= dict(pages.organization(each, collection, (details or {}).get(each.id, Details())))
    return found | dict(pages.overview())


def page_of(pages: dict[str, str], name: str) -> Element:
    """The page of the organization of that name."""
    return parsed(pages[f"report/{page_name(f'id of {name}')}"])


def section_of(page: Element, heading_id: str) -> Element:
    (found,) = (
        each for each in page.all("section") if each.attributes.get("aria-labelledby") == heading_id
    )
    return found


def table_of(part: Element, caption: str) -> Element:
    """The table whose caption begins so."""
    (found,) = (
        each for each in part.all("table") if next(each.all("caption")).text.startswith(caption)
    )
    return found


def shown_tiles(section: Element) -> dict[str, list[str]]:
    (shown,) = (each for each in section.all("dl") if each.attributes.get("class") == "tiles")
    return {
        next(tile.all("dt")).text: [each.text for each in tile.all("dd")]
        for tile in shown.all("div")
    }


OPEN = OpenInvoice("id-1", None, RIGHT_TO_LEFT, date(2026, 1, 31), None, 0, "failed", None, 5)
FAULT = LeftOut(reason("unknown_organization"), 1, (NASTY,))
FAULTY = FaultyInvoice("id", NASTY, reason("unknown_organization"), NASTY, None, "Euro", LARGEST)


@pytest.fixture(scope="module")
def sample(sample_home: Home) -> Path:
    """The published sample."""
    return sample_home.published / "current"


@pytest.fixture(scope="module")
def sample_page(sample: Path) -> Element:
    return parsed((sample / "report" / f"{QUILLFERN}.html").read_text())


@pytest.fixture(scope="module")
def overview(sample: Path) -> Element:
    return parsed((sample / "report" / "index.html").read_text())


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """40 currencies, 60 months; one month, none, no invoices; amounts that are hard to show."""
    codes = [f"X{first}{second}" for first in "ABCDEFGH" for second in "ABCDE"]
    many = [
        (ago, status, code, 10 ** (number % 18) * (60 - ago + rank))
        for ago in range(13)
        for number, code in enumerate(codes)
        for rank, status in enumerate(reversed(STATUSES))
        if (ago + number) % 12
    ]
    sixty = [
        (ago, status, code, 140 * ago + 1)
        for ago in range(60)
        for status in STATUSES
        for code in ("EUR", "JPY", "KWD")
    ]
    outlier = [(ago, "succeeded", "EUR", 1000 + ago) for ago in range(24)]
    outlier[7] = (7, "pending", "EUR", 1_000_000)
    huge = [(ago, status, "JPY", LARGEST) for ago in range(3) for status in STATUSES]
    below = [(1, "succeeded", "KWD", 9001), (1, "pending", "KWD", -LARGEST)]
    nasty = organization(3, *huge, *below, (2, "failed", "MRO", 7), name=NASTY)
    due = Receivables({"not_due": (1, LARGEST), "over_90": (2, -LARGEST)}, [OPEN] * 10)
    pages = drawn(
        organization(13, *many, name="Forty"),
        nasty,
        organization(1, (0, "pending", "HUF", 1), name="New"),
        organization(5, name=None),
        Organization("id of Later", "Later", (), (), (), {}),
        organization(60, *sixty, name="Sixty"),
        organization(24, *outlier, name=RIGHT_TO_LEFT),
        details={nasty.id: Details({"JPY": due}, [FAULT], [FAULTY])},
        unknown=Details(left_out=[FAULT], faulty=[FAULTY]),
    )
    directory = tmp_path_factory.mktemp("odd")
    (directory / "report").mkdir()
    for path, html in pages.items():
        (directory / path).write_text(html)
    for name in LINKED:
        (directory / name).touch()
    return directory


LINKED = (
    *("invoice_collection.csv", "invoice_collection.parquet", "invoice_collection.duckdb"),
    *("uncollected_invoices.csv", "faulty_invoices.csv"),
)
FILES: dict[str, tuple[str, str]] = {
    "sample": ("sample", f"report/{QUILLFERN}.html"),
    "sample's overview": ("sample", "report.html"),
    "odd overview": ("odd", "report/index.html"),
    **{
        name[:5]: ("odd", f"report/{page_name(f'id of {name}')}")
        for name in ("Forty", NASTY, "New", "None", "Later", "Sixty", RIGHT_TO_LEFT)
    },
}


@pytest.fixture(params=FILES)
def file(request: pytest.FixtureRequest, sample: Path, odd: Path) -> Path:
    where, path = FILES[request.param]
    return (sample if where == "sample" else odd) / path


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    path = browser.program()
    if not path:
        pytest.skip(f"there is no {' or '.join(browser.PROGRAMS)} here; install chromium")
    with browser.running(path) as running:
        yield running


# What is in it


def test_the_page_is_well_made(file: Path) -> None:
    page = parsed(file.read_text())
    (html,) = page.all("html")
    assert html.attributes["lang"] == "en"
    pictures = sum(each.attributes.get("role") == "img" for each in page.all("svg"))
    for landmark in ("header", "nav", "main", "footer", "title", "h1"):
        assert len(list(page.all(landmark))) == (1 if landmark != "title" else 1 + pictures)
    levels = [int(each.tag[1]) for each in page.all("h1", "h2", "h3", "h4")]
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
    for table in page.all("table"):
        assert [each.tag for each in table.all("caption")] == ["caption"]
        assert {each.attributes.get("scope") for each in table.all("th")} <= {
            *("row", "col", "colgroup", "rowgroup"),
        }
    ids = page.ids()
    for picture in page.all("svg"):
        if picture.attributes.get("aria-hidden") != "true":
            assert picture.attributes["role"] == "img"
            assert ids[picture.attributes["aria-labelledby"]].text
            assert ids[picture.attributes["aria-describedby"]].text


def test_every_reference_leads_to_what_is_there(file: Path) -> None:
    text = file.read_text()
    page = parsed(text)
    ids = page.ids()
    for each in page.all():
        assert each.tag not in ("script", "link", "img", "iframe", "object", "base")
        for name, value in each.attributes.items():
            assert not name.startswith("on")
            if name in ("href", "src", "xlink:href"):
                path, _, place = value.partition("#")
                assert not path or (file.parent / path).is_file(), value
                assert not place or path or place in ids, value
            if name in ("aria-labelledby", "aria-describedby"):
                assert value in ids
    assert set(re.findall(r"url\(#([^)]*)\)", text)) <= set(ids)
    assert "url(" not in re.sub(r"url\(#", "", text)
    assert "@import" not in text
    hrefs = {each.attributes.get("href", "") for each in page.all("a")}
    assert {"invoice_collection.csv", "invoice_collection.parquet"} <= {
        href.removeprefix("../") for href in hrefs
    }


def test_a_page_is_small(odd: Path) -> None:
    page = odd / FILES["Sixty"][1]
    assert page.stat().st_size < 200_000
    assert len(list(parsed(page.read_text()).all("h2"))) == 3 + 3


def test_the_header_says_what_the_figures_are_of(
    sample_page: Element, overview: Element, sample: Path
) -> None:
    manifest = json.loads((sample / "manifest.json").read_text())
    for page, title in (
        (sample_page, "Quillfern Cloud GmbH: invoice collection"),
        (overview, "Invoice collection of 2 organizations"),
    ):
        assert next(page.all("h1")).text == next(page.all("title")).text == title
        (header,) = page.all("header")
        facts = dict(
            zip(
                (each.text for each in header.all("dt")),
                (each.text for each in header.all("dd")),
                strict=True,
            )
        )
        loaded_at = facts.pop("Loaded at")
        assert facts.pop("Version", None) == (manifest["version"] if page is overview else None)
        assert facts == {"As of": "2026-06-17", "The figures as files": "CSV, Parquet, DuckDB"}
        assert loaded_at.replace(" ", "T").replace("TUTC", "Z") == manifest["load"]["loaded_at"]
        assert "its organizations and invoices are invented" in header.text
        assert "does not bring back those of the past" in section_of(page, "notes").text


def test_the_card_has_the_last_complete_month(sample_page: Element) -> None:
    # June 2026 of tests/cases/sample.csv, which was over when the sample was loaded: 15268.27 +
    # 14858.35 + 4951.24 = 35077.86, after 25832.21 + 12630.87 + 1816.52 = 40279.60 in May and
    # 29452.62 + 186.55 = 29639.17 in June 2025; the rate is 43.53% after 64.13% and 99.37%.
    section = section_of(sample_page, "EUR")
    assert "June 2026, the last complete month" in [each.text for each in section.all("h3")]
    assert shown_tiles(section) == {
        "Invoiced": [
            *("35,077.86", "68 invoices"),
            *("-5,201.74 (-12.9%) vs May 2026", "+5,438.69 (+18.3%) vs Jun 2025"),
        ],
        "Collected": [
            *("15,268.27", "31 invoices"),
            *("-10,563.94 (-40.9%) vs May 2026", "-14,184.35 (-48.2%) vs Jun 2025"),
        ],
        "Open": [
            *("14,858.35", "33 invoices"),
            *("+2,227.48 (+17.6%) vs May 2026", "+14,858.35 vs Jun 2025"),
        ],
        "Failed": [
            *("4,951.24", "4 invoices"),
            *("+3,134.72 (+172.6%) vs May 2026", "+4,764.69 vs Jun 2025"),
        ],
        "Collection rate": [
            *("43.5%", "collected / invoiced"),
            *("-20.6 points vs May 2026", "-55.8 points vs Jun 2025"),
        ],
    }


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def shown(amount: Decimal, code: str) -> str:
    return f"{amount:,.0f}" if code == "JPY" else f"{amount:,.2f}"


def cells_of(rows: list[dict[str, str]], code: str) -> list[str]:
    """What a table shows of these rows of invoice_collection.csv, all statuses and each of them."""
    texts = []
    sums = []
    for statuses in (STATUSES, *((status,) for status in STATUSES)):
        chosen = [row for row in rows if row["payment_status"] in statuses]
        sums.append(sum((Decimal(row["amount"]) for row in chosen), Decimal(0)))
        texts += [f"{sum(int(row['invoices_count']) for row in chosen):,}", shown(sums[-1], code)]
    for part in (sums[1], sums[3]):
        share = part * 100 / sums[0] if sums[0] > 0 else None
        texts.append(
            "\N{EN DASH}"
            if share is None
            else "over 99.9%"
            if Decimal("99.95") < share < 100
            else f"{share:.1f}%"
        )
    return texts


NAMES = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)


def test_the_tables_are_exactly_the_published_collection(sample: Path) -> None:
    collection = rows_of(sample / "invoice_collection.csv")
    all_months = [f"{number // 12}-{number % 12 + 1:02}" for number in range(24294, 24318)]

    def expected(name: str, start: str, end: str) -> list[str]:
        chosen = [row for row in in_code if start <= row["month"][:7] <= end]
        return [name, *cells_of(chosen, code)]

    seen = 0
    for id_, first in ((QUILLFERN, 0), (MAPLESTRAND, 8)):
        page = parsed((sample / "report" / f"{id_}.html").read_text())
        mine = [row for row in collection if row["organization_id"] == id_]
        for code in sorted({row["currency"] for row in mine}):
            in_code = [row for row in mine if row["currency"] == code]
            section = section_of(page, code)

            (details,) = section.all("details")
            table = next(details.all("table"))
            assert table.rows() == [
                expected(f"{NAMES[int(month[5:]) - 1]} {month[:4]}", month, month)
                for month in all_months[first:]
            ]
            (foot,) = table.all("tfoot")
            cells = [each.text for each in foot.all("th", "td")]
            assert cells == expected(f"All {24 - first}", "2024-07", "2026-06")
            assert table_of(section, "Totals in").rows() == [
                expected("12 months to June 2026", "2025-07", "2026-06"),
                expected("2026 to date", "2026-01", "2026-06"),
            ]
            seen += 1
    assert seen == 7
    # August 2025 is empty for Maplestrand: zeros, no rate, and said beside the chart.
    row = table.rows()[5]
    assert row == ["August 2025", *["0", "0.00"] * 4, "\N{EN DASH}", "\N{EN DASH}"]
    assert "Without invoices in USD: August 2025." in section.text


def test_what_is_to_be_collected_is_as_published(sample: Path, sample_page: Element) -> None:
    aging = rows_of(sample / "receivables_aging.csv")
    invoices = rows_of(sample / "uncollected_invoices.csv")
    for code in ("EUR", "GBP", "JPY", "USD"):
        mine = {"organization_id": QUILLFERN, "currency": code}
        section = section_of(sample_page, code)
        by_bucket = {row["aging_bucket"]: row for row in aging if mine.items() <= row.items()}
        found = [
            by_bucket.get(bucket, {"due_amount": "0", "invoices_count": "0"})
            for bucket in ("not_due", "1-30", "31-60", "61-90", "over_90")
        ]
        due = [Decimal(row["due_amount"]) for row in found]
        counts = [int(row["invoices_count"]) for row in found]
        assert table_of(section, "By days past due").rows() == [
            ["Due", *(shown(each, code) for each in [*due, sum(due, Decimal(0))])],
            ["Invoices", *(str(each) for each in [*counts, sum(counts)])],
        ]
        largest = sorted(
            (row for row in invoices if mine.items() <= row.items()),
            key=lambda row: (-int(row["due_amount_cents"]), row["invoice_id"]),
        )
        assert table_of(section, "The largest 10 of them").rows() == [
            [
                *(row["invoice_number"], row["customer_name"], row["issuing_date"]),
                row["payment_due_date"],
                "" if row["days_past_due"] == "0" else row["days_past_due"],
                row["payment_status"],
                shown(Decimal(row["paid_amount"]), code) if row["paid_amount"] else "",
                shown(Decimal(row["due_amount"]), code),
            ]
            for row in largest[:10]
        ]
        (line,) = (row for row in table_of(sample_page, "June 2026").rows() if row[0] == code)
        past = sum(due[1:], Decimal(0))
        assert line[7:] == [shown(sum(due, Decimal(0)), code), shown(past, code)]


def test_the_overview_is_exactly_the_published_collection(overview: Element, sample: Path) -> None:
    june = [
        row for row in rows_of(sample / "invoice_collection.csv") if row["month"] == "2026-06-01"
    ]
    uncollected = rows_of(sample / "uncollected_invoices.csv")

    def expected(code: str, **mine: str) -> tuple[list[str], str]:
        chosen = [row for row in june if (mine | {"currency": code}).items() <= row.items()]
        due = sum(
            (
                Decimal(row["due_amount"])
                for row in uncollected
                if (mine | {"currency": code}).items() <= row.items()
            ),
            Decimal(0),
        )
        return cells_of(chosen, code), shown(due, code)

    codes = sorted({row["currency"] for row in june})
    rows = table_of(overview, "All organizations together in June 2026").rows()
    assert [row[0] for row in rows] == codes
    for row in rows:
        cells, due = expected(row[0])
        assert row[1:] == [*cells[:2], cells[3], cells[5], cells[7], cells[8], due]
    table = table_of(overview, "June 2026, the last complete month")
    found = [
        (body_number, [cell.text for cell in row.all("th", "td")])
        for body_number, body in enumerate(table.all("tbody"))
        for row in body.all("tr")
    ]
    # Ordered by name, whatever the ids are.
    assert found[0][1][0] == "Maplestrand Software Inc."
    assert found[3][1][0] == "Quillfern Cloud GmbH"
    faults = {0: "3", 3: "7"}
    for number, (body_number, cells) in enumerate(found):
        if number in faults:
            cells = cells[1:]
            assert cells.pop() == faults[number]
        id_ = (MAPLESTRAND, QUILLFERN)[body_number]
        figures_of_june, due = expected(cells[0], organization_id=id_)
        assert cells[1:] == [
            *(figures_of_june[1], figures_of_june[3], figures_of_june[8]),
            *("", due),
        ]
    assert len(found) == 7


def test_what_is_left_out_is_explained(
    sample_page: Element, overview: Element, sample: Path
) -> None:
    section = section_of(sample_page, "left-out")
    faults = table_of(section, "Invoices left out for a fault").rows()
    on_purpose = table_of(section, "Invoices that do not belong").rows()
    invalid = next(row for row in faults if "(invalid_amount)" in row[0])
    assert invalid[0].startswith("Its amount is missing, is no whole number, or is too large")
    assert invalid[2] == "040b2e3c-642c-42ac-9a1e-a338e5d21912"
    assert invalid[3].startswith("Export total_amount_cents as an integer")
    assert "7 invoices left out for faults of the data." in next(sample_page.all("header")).text
    # Quillfern has 97 drafts and the like; at most three of them are named.
    (drafts,) = (row for row in on_purpose if "not_finalized" in row[0])
    assert drafts[1] == "97"
    assert len(drafts[2].split(", ")) == 3
    counted: Counter[str] = Counter()
    for row in faults + on_purpose:
        counted[re.findall(r"\((\w+)\)", row[0])[0]] += int(row[1])
    for each in rows_of(sample / "invoice_exclusions.csv"):
        if each["organization_id"] == QUILLFERN:
            counted[each["exclusion_reason"]] -= int(each["invoices_count"])
    assert set(counted.values()) == {0}
    listed = table_of(section, "7 invoices with a fault").rows()
    mine = [
        row
        for row in rows_of(sample / "faulty_invoices.csv")
        if row["organization_id"] == QUILLFERN
    ]
    assert {(row[0], row[1]) for row in listed} == {
        (row["invoice_number"], row["exclusion_reason"]) for row in mine
    }
    assert [row[2] for row in listed if row[1] == "invalid_amount"] == ["12.5"]
    # Those of no organization are in the overview alone.
    unknown = table_of(section_of(overview, "left-out"), "Invoices left out for a fault").rows()
    assert [(row[1], "unknown_organization" in row[0]) for row in unknown] == [("2", True)]
    assert "12 invoices left out for faults of the data" in next(overview.all("header")).text
    assert "load them again: harness run " in section_of(overview, "left-out").text + " "


def test_the_page_of_the_only_organization_tells_all(api_home: Home) -> None:
    current = api_home.published / "current"
    (page,) = (path for path in (current / "report").iterdir() if path.name != "index.html")
    alone = parsed((current / "report.html").read_text())
    manifest = json.loads((current / "manifest.json").read_text())
    assert manifest["version"] in next(alone.all("header")).text
    assert [each.text for each in alone.all("h2")] == [
        each.text for each in parsed(page.read_text()).all("h2")
    ]
    assert "invented" not in alone.text
    again = f"harness run --from {manifest['source']}"
    assert (again in alone.text) == ("Faults of the data" in alone.text)
    html = drawn(
        organization(2, (1, "failed", "EUR", 5)), unknown=Details(left_out=[FAULT], faulty=[FAULTY])
    )
    assert set(html) == {"report.html", f"report/{page_name('id of Some')}", "report/index.html"}
    text = section_of(parsed(html["report.html"]), "left-out").text
    assert "1 invoice loaded: 1 in this report, 0 left out. Nothing is missing." in text
    assert "Of older versions, 1,200 more were read" in text
    assert "7 more had been deleted at the source; they do not count" in text
    assert "1 invoice more is of no organization that is known" in text
    assert 'href="report/index.html#left-out"' in html["report.html"]


def test_names_from_data_are_text(odd: Path) -> None:
    page = odd / FILES[NASTY[:5]][1]
    assert "<script" not in page.read_text()
    nasty = parsed(page.read_text())
    assert next(nasty.all("h1")).text == f"{NASTY}: invoice collection"
    (faulty,) = table_of(nasty, "1 invoice with a fault").rows()
    assert faulty[0] == NASTY
    assert faulty[4] == f"{LARGEST:,} cents"
    index = parsed((odd / "report.html").read_text())
    assert NASTY in [each.text for each in index.all("a")]


def test_a_page_is_called_by_an_id_that_is_fit_for_it() -> None:
    assert page_name(QUILLFERN) == f"{QUILLFERN}.html"
    odd_ids = ("index", "../a", "A", "a", "ä", "x" * 65, "", ".", "con/a")
    names = [page_name(each) for each in odd_ids]
    assert len(set(names)) == len(names)
    assert [name for name in names if not re.fullmatch("[a-z0-9-]{1,64}[.]html", name)] == []
    assert "index.html" not in names


# Figures


def test_the_month_of_the_load_alone_is_not_over() -> None:
    def over(loaded_at: str) -> int:
        return euros((0, "failed", 5), count=3, loaded_at=loaded_at).over

    assert over("2026-06-01T00:00:00Z") == over("2026-06-30T23:59:59Z") == 2
    assert over("2026-07-01T00:00:00Z") == over("2027-01-01T00:00:00Z") == 3
    # The month is UTC's.
    assert over("2026-07-01T01:30:00+02:00") == 2
    # Of an as-of date to come, no month from that of the load on.
    assert over("2026-05-31T12:00:00Z") == 1


def test_at_the_month_s_end_the_month_before_leads() -> None:
    # Loaded on 25 July as of 30 June, and on 17 June as of that day.
    some = organization(3, (0, "succeeded", "EUR", 500), (1, "pending", "EUR", 300))
    page = page_of(drawn(some, organization(1, name="B"), loaded_at="2026-07-25T08:00:00Z"), "Some")
    assert "June 2026, the last complete month" in page.text
    assert "not over" not in section_of(page, "EUR").text
    page = page_of(drawn(some, organization(1, name="B"), loaded_at="2026-06-17T08:00:00Z"), "Some")
    assert "May 2026, the last complete month" in page.text
    assert "Jun 2026: not over yet" in section_of(page, "EUR").text
    names = [row[0] for row in table_of(page, "Totals in").rows()]
    assert names == ["June 2026 so far", "2 months to May 2026", "2026 to date"]
    assert [row[0] for row in table_of(page, "Invoices and amounts").rows()] == [
        *("April 2026", "May 2026", "June 2026 (partial)"),
    ]


def test_totals_are_of_twelve_complete_months_and_of_the_year_so_far() -> None:
    cells = [(ago, "succeeded", 10**ago) for ago in range(16)]
    sums = {each.name: each.sums.invoiced for each in periods(euros(*cells, loaded_at=IN_JUNE))}
    assert {name: (each.invoices_count, each.amount_cents) for name, each in sums.items()} == {
        "June 2026 so far": (1, 1),
        "12 months to May 2026": (12, 1_111_111_111_110),
        "2026 to date": (6, 111_111),
    }


def test_months_are_settling_as_far_back_as_much_is_open() -> None:
    def settling(*open_of_100: int | None, loaded_at: str = IN_JULY) -> int:
        """How many months, given what is open of each from the newest on; None is no invoice."""
        cells = []
        for ago, cents in enumerate(open_of_100):
            if cents is not None:
                cells += [(ago, "pending", cents), (ago, "succeeded", 100 - cents)]
        return len(euros(*cells, loaded_at=loaded_at).settling)

    assert settling(60, 20, 6, 5, 60) == 3
    assert settling(5, 60) == 0
    assert settling(0, 0, loaded_at=IN_JUNE) == 1
    # A month without invoices says nothing.
    assert settling(60, None, 6, 0) == 3
    assert settling(None, None, 5, 6) == 0


def test_an_organization_without_invoices_has_a_friendly_page(odd: Path) -> None:
    text = parsed((odd / FILES["None"][1]).read_text()).text
    assert "Organization id of None: invoice collection" in text
    assert "No invoice counts yet. The report covers 5 months, February 2026 to June 2026" in text
    text = parsed((odd / FILES["Later"][1]).read_text()).text
    assert "created after the month of the as-of date" in text


def test_a_report_without_organizations_says_so() -> None:
    assert "has no organization" in parsed(drawn()["report.html"]).text


def test_the_first_month_has_nothing_to_compare_with() -> None:
    one = parsed(drawn(organization(1, (0, "succeeded", "EUR", 500)))["report.html"])
    assert "June 2026 was not over when the data were loaded" in one.text
    assert not [each for each in one.all("dl") if each.attributes["class"] == "tiles"]
    two = parsed(drawn(organization(2, (1, "succeeded", "EUR", 500)))["report.html"])
    assert shown_tiles(section_of(two, "EUR")) == {
        "Invoiced": ["5.00", "1 invoice"],
        "Collected": ["5.00", "1 invoice"],
        "Open": ["0.00", "0 invoices"],
        "Failed": ["0.00", "0 invoices"],
        "Collection rate": ["100.0%", "collected / invoiced"],
    }


@pytest.mark.parametrize(
    ("cells", "rate", "detail", "changes"),
    [
        ([], "\N{EN DASH}", "nothing was invoiced", []),
        ([(1, "succeeded", 0)], "\N{EN DASH}", "nothing was invoiced", []),
        ([(1, "failed", -5)], "\N{EN DASH}", "less than nothing was invoiced", []),
        ([(1, "pending", 5)], "0.0%", "collected / invoiced", []),
        ([(1, "pending", -5), (1, "succeeded", 10)], "200.0%", "collected / invoiced", []),
        ([(1, "pending", 10), (1, "succeeded", -5)], "-100.0%", "collected / invoiced", []),
        (
            [(1, "succeeded", 1), (2, "failed", 1)],
            "100.0%",
            "collected / invoiced",
            ["+100.0 points"],
        ),
        (
            [(1, "succeeded", 1), (2, "succeeded", 9)],
            "100.0%",
            "collected / invoiced",
            ["no change"],
        ),
        # 999.9% after 0%: the difference is told; a thousandfold would say nothing.
        (
            [(1, "succeeded", 1001), (1, "failed", -1000), (2, "failed", 1)],
            "over 999.9%",
            "collected / invoiced",
            [""],
        ),
        (
            [(1, "succeeded", 20001), (1, "failed", 29999), (2, "succeeded", 2), (2, "failed", 3)],
            "40.0%",
            "collected / invoiced",
            ["under 0.1 points"],
        ),
    ],
)
def test_the_rate_is_of_what_was_invoiced(
    cells: list[tuple[int, str, int]], rate: str, detail: str, changes: list[str]
) -> None:
    # The invoice of the as-of month, which is not over, never takes part.
    given = [(ago, status, "JPY", cents) for ago, status, cents in [*cells, (0, "failed", 70)]]
    *_, tile = tiles(figures(3, *given))
    assert (tile.figure, tile.detail) == (rate, detail)
    assert [text for text, _ in tile.changes] == changes


@pytest.mark.parametrize(
    ("before", "now", "change"),
    [
        (0, 0, "no change"),
        (0, 150, "+0.150"),
        (100, 150, "+0.050 (+50.0%)"),
        (150, 100, "-0.050 (-33.3%)"),
        (-100, 50, "+0.150"),
        (100, 300, "+0.200 (+200.0%)"),
        # More than three times as much is no matter of percent, nor is what rounds to none.
        (100, 301, "+0.201"),
        (100_000, 99_986, "-0.014"),
        (1, LARGEST, "+9,223,372,036,854,775.806"),
    ],
)
def test_the_change_is_against_the_month_before(before: int, now: int, change: str) -> None:
    tile, *_ = tiles(figures(3, (2, "failed", "KWD", before), (1, "failed", "KWD", now)))
    assert tile.changes == ((change, date(2026, 4, 1)),)


@pytest.mark.parametrize(
    ("ratio", "text"),
    [
        (None, "\N{EN DASH}"),
        (Fraction(0), "0.0%"),
        (Fraction(1), "100.0%"),
        (Fraction(9999, 10000), "over 99.9%"),
        (Fraction(10001, 10000), "over 100%"),
        (Fraction(1, 10000), "under 0.1%"),
        (Fraction(-1, 10000), "under 0%"),
        (Fraction(999, 1000), "99.9%"),
        (Fraction(1001, 1000), "100.1%"),
        (Fraction(2, 3), "66.7%"),
        (Fraction(-2, 3), "-66.7%"),
        (Fraction(LARGEST, 1), "over 999.9%"),
        (Fraction(-LARGEST, 1), "under -999.9%"),
    ],
)
def test_a_percentage_never_rounds_to_all_or_nothing(ratio: Fraction | None, text: str) -> None:
    assert percent(ratio) == text


# Charts


@pytest.mark.parametrize(
    ("cells", "axis"),
    [
        # 123.45 and 50.00 in one stack: 173.45.
        (
            [("EUR", "failed", 12345), ("EUR", "pending", 5000)],
            Axis((0, 5000, 10000, 15000, 20000), 100, 0, "EUR"),
        ),
        ([("EUR", "failed", 3)], Axis((0, 1, 2, 3), 100, 2, "EUR")),
        ([("EUR", "failed", 0)], Axis((0, 20, 40, 60, 80, 100), 100, 2, "EUR")),
        ([("HUF", "failed", 173)], Axis((0, 50, 100, 150, 200), 1, 0, "HUF")),
        ([("JPY", "failed", 1)], Axis((0, 1), 1, 0, "JPY")),
        ([("KWD", "failed", 1500)], Axis((0, 500, 1000, 1500), 1000, 3, "KWD")),
        ([("MRO", "failed", 4)], Axis((0, 1, 2, 3, 4), 5, 1, "MRO")),
        (
            [("EUR", "succeeded", 9000), ("EUR", "pending", -7000)],
            Axis((-10000, -5000, 0, 5000, 10000), 100, 0, "EUR"),
        ),
        # 1.5 million: halves of a million.
        (
            [("EUR", "failed", 150_000_000)],
            Axis((0, 50_000_000, 100_000_000, 150_000_000), 10**8, 1, "million EUR"),
        ),
        (
            [("JPY", "failed", LARGEST)],
            Axis(tuple(each * 2 * 10**18 for each in range(6)), 10**18, 0, "quintillion JPY"),
        ),
    ],
)
def test_the_money_axis_is_in_units_of_the_currency(
    cells: list[tuple[str, str, int]], axis: Axis
) -> None:
    given = [(1, status, code, cents) for code, status, cents in cells]
    some = figures(3, *given)
    assert money_axis(some, broken(some)) == axis


def paths(picture: str) -> dict[str, str]:
    """The paths of a picture by their class."""
    return dict(re.findall(r'<path class="([^"]+)" d="([^"]*)"', picture))


def rectangles(path: str) -> list[tuple[int, int]]:
    """The upper edge and the height of each rectangle of a path."""
    found = re.findall(r"M\d+ (\d+)h\d+v(\d+)h-\d+z", path)
    return [(int(top), int(height)) for top, height in found]


def drawn_bars(some: CurrencyFigures) -> dict[str, str]:
    return paths(bars(some, broken(some), "id", "A title", "A description"))


def test_bars_are_as_high_as_their_amounts() -> None:
    # 50.00, 100.00 and 25.00: the axis goes to 200.00, which is 800 high and 160 below the top.
    found = drawn_bars(euros((0, "succeeded", 5000), (0, "pending", 10000), (0, "failed", 2500)))
    assert rectangles(found["succeeded"]) == [(760, 200)]
    assert rectangles(found["pending"]) == [(360, 400)]
    assert rectangles(found["failed"]) == [(260, 100)]
    # From -50.00 to 100.00: zero is 800 * 2 / 3 below the top; the least that there is can be seen.
    found = drawn_bars(euros((0, "succeeded", 10000), (0, "failed", -5000), (1, "pending", 1)))
    assert rectangles(found["succeeded"]) == [(160, 533)]
    assert rectangles(found["failed"]) == [(693, 267)]
    assert rectangles(found["pending"]) == [(693, 2)]
    assert "gap" not in found


@pytest.mark.parametrize(
    ("cents", "beyond"),
    [
        ([10, 20, 30], []),
        ([10, 20, 99], []),
        ([10, 20, 100], [100]),
        ([10, 20, -100], [-100]),
        # Of two, neither is beside the scale of the others; of eight, two may be.
        ([10, 10_000], []),
        ([10, 0, 10_000], []),
        ([10, 20, 10_000, 10_000], []),
        ([1, 2, 3, 4, 5, 6, 10_000, 30_000], [10_000, 30_000]),
        ([1, 2, 3, 4, 5, 6, 10_000, 300_000], [300_000]),
    ],
)
def test_an_outlier_does_not_flatten_the_rest(cents: list[int], beyond: list[int]) -> None:
    some = euros(*((ago, "failed", each) for ago, each in enumerate(cents)))
    assert sorted(each.invoiced.amount_cents for each in broken(some)) == sorted(beyond)
    found = drawn_bars(some)
    assert ("gap" in found) == bool(beyond)
    assert found.get("gap", "").count("M") == len(beyond)
    axis = money_axis(some, broken(some))
    within = [each for each in cents if each not in beyond]
    assert axis.ticks[0] <= min(0, *within) <= max(0, *within) <= axis.ticks[-1]
    if beyond:
        assert 2 * max(within) > axis.ticks[-1]


def test_a_broken_bar_is_told_with_its_amount(odd: Path) -> None:
    section = section_of(parsed((odd / FILES[RIGHT_TO_LEFT[:5]][1]).read_text()), "EUR")
    assert "Beyond the scale, hence broken: November 2025, 10,000.00 in all." in section.text


def test_lines_have_gaps_and_stay_in_the_picture() -> None:
    # 24 months of 2000 / 24 each; the last is the 24th. Shares go from 480 at 0% up to 160 at 100%.
    cells = [(0, "succeeded", 50), (0, "failed", 150), (1, "succeeded", 100)]
    found = paths(lines(euros(*cells), "id", "A title", "A description"))
    assert found["line succeeded"] == "M2179 160L2262 400"
    assert found["line failed"] == "M2179 480L2262 240"
    # A month without invoices is a gap, one between gaps a dot; beyond 0% and 100% is the edge.
    cells = [(0, "succeeded", 300), (0, "failed", -200), (2, "succeeded", 1), (2, "failed", 1)]
    found = paths(lines(euros(*cells), "id", "A title", "A description"))
    assert found["line succeeded"] == "M2095 320h0M2262 160h0"
    assert found["line failed"] == "M2095 320h0M2262 480h0"


def test_the_small_line_is_of_the_rates_alone() -> None:
    path = re.findall(r' d="([^"]*)"', sparkline([Fraction(1), None, Fraction(1, 2), Fraction(0)]))
    assert path == ["M0 0h0M40 8L60 16"]
    assert re.findall(r' d="([^"]*)"', sparkline([])) == [""]


def test_the_charts_are_labelled(odd: Path) -> None:
    def texts(name: str, code: str) -> list[set[str]]:
        section = section_of(parsed((odd / FILES[name][1]).read_text()), code)
        pictures = (each for each in section.all("svg") if each.attributes.get("role") == "img")
        return [{each.text for each in picture.all("text")} for picture in pictures]

    not_over = "Jun 2026: not over yet"
    assert texts("New", "HUF") == [
        {"0", "1", "HUF", "Jun 2026", not_over},
        {"0%", "50%", "100%", "Jun 2026", "Jun 2026: still settling"},
    ]
    nasty = NASTY[:5]
    assert {"0.0", "0.4", "1.6", "MRO"} <= texts(nasty, "MRO")[0]
    assert {"quintillion JPY", "Apr 2026", "May 2026"} <= texts(nasty, "JPY")[0]
    # The largest stack is 10,000 cents times 60 + 61 + 62: 18,300.00.
    assert {"0", "5,000", "20,000", "XAE", "Jul 2025", "Apr 2026"} <= texts("Forty", "XAE")[0]
    # 59 times 3 times 1.40 and 0.03: 247.83.
    assert texts("Sixty", "EUR")[0] == {
        *("0", "50", "100", "150", "200", "250", "EUR", not_over),
        *("Jan 2022", "Jan 2023", "Jan 2024", "Jan 2025", "Jan 2026"),
    }


# The command


def test_the_report_can_be_drawn_again(sample_home: Home, tmp_path: Path, harness: Harness) -> None:
    shutil.copytree(sample_home.published, tmp_path / "published", symlinks=True)
    path = tmp_path / "published" / "current" / "report.html"
    pages = path.parent / "report"

    def all_pages() -> dict[str, bytes]:
        return {each.name: each.read_bytes() for each in [path, *pages.iterdir()]}

    drawn_by_run = all_pages()
    assert set(drawn_by_run) == {
        *("report.html", "index.html", f"{QUILLFERN}.html", f"{MAPLESTRAND}.html"),
    }
    path.unlink()
    (pages / "index.html").write_text("another")
    (pages / "gone.html").write_text("of an organization that is no more")
    manifest = (path.parent / "manifest.json").read_bytes()
    process = harness("report", home=Home(tmp_path))
    assert process.returncode == 0, process.stderr
    assert process.stdout == f"{path}\n"
    assert all_pages() == drawn_by_run
    assert (path.parent / "manifest.json").read_bytes() == manifest

    path.write_text("the one before")
    (pages / "index.html").write_text("the one before")
    # No file may grow beyond the limit, as on a disk without space.
    process = subprocess.run(
        [sys.executable, "-m", "harness", "report", "--home", tmp_path],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (5_000, 5_000)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (process.returncode, process.stdout) == (2, "")
    assert "the report cannot be drawn (OSError" in process.stderr
    assert "stays published without it; try: harness report" in process.stderr
    assert path.read_text() == (pages / "index.html").read_text() == "the one before"
    assert not [each for each in path.parent.iterdir() if each.name.startswith(".")]


def test_a_page_that_is_as_before_is_a_link(sample_home: Home, tmp_path: Path) -> None:
    shutil.copytree(sample_home.published, tmp_path / "published", symlinks=True)
    first = published(Home(tmp_path))
    later = first.path.with_name("29991231T000000Z-00000000")
    shutil.copytree(first.path, later)
    page = later / "report" / f"{QUILLFERN}.html"
    page.write_text("drawn anew")
    (first.path / "report" / f"{MAPLESTRAND}.html").write_text("other figures")
    report.write_report(Published(later, first.manifest), lambda _share, _detail: None)
    assert page.stat().st_nlink == 2
    assert page.samefile(first.path / "report" / page.name)
    other = later / "report" / f"{MAPLESTRAND}.html"
    assert other.stat().st_nlink == 1
    assert "Maplestrand" in other.read_text()


def test_a_version_without_the_lists_is_not_drawn(sample_home: Home) -> None:
    version = published(sample_home)
    rows = {"invoice_collection": 1, "organizations": 2}
    older = Published(version.path, version.manifest | {"rows": rows})
    with pytest.raises(HarnessError, match="was published before the report showed open"):
        report.write_report(older, lambda _share, _detail: None)
    assert (version.path / "report" / "index.html").exists()


def only_publishing(monkeypatch: pytest.MonkeyPatch, home: Home) -> None:
    """Let `run` find that all steps before the publication are done."""
    monkeypatch.setattr(cli, "_load", lambda *_, **__: None)
    monkeypatch.setattr(cli, "_load_line", lambda _: "loaded")
    monkeypatch.setattr(cli, "build", lambda *_: None)
    monkeypatch.setattr(cli, "_build_line", lambda _: "built")
    monkeypatch.setattr(cli, "check", lambda *_: SimpleNamespace(passed=True))
    monkeypatch.setattr(cli, "as_text", lambda *_, **__: [])
    monkeypatch.setattr(cli, "publish", lambda *_: published(home))


def test_a_report_that_fails_takes_nothing_back(
    sample_home: Home,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(*_arguments: object) -> Path:
        raise ValueError("no font")

    home = Home(tmp_path / "home")
    shutil.copytree(sample_home.published, home.published, symlinks=True)
    (home.published / "current" / "report.html").unlink()
    only_publishing(monkeypatch, home)
    monkeypatch.setattr(report, "write_report", fail)
    main_group.main(["run", "--home", str(home.path)], standalone_mode=False)
    output, errors = capsys.readouterr()
    assert "manifest.json" in output
    assert "report.html" not in output
    assert re.search("warning: the report cannot be drawn .*no font.* without it", errors)


def test_the_report_is_drawn_before_anything_is_printed(
    sample_home: Home,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(*_arguments: object) -> None:
        raise OSError(28, "No space left on device")

    drawn: list[Published] = []
    only_publishing(monkeypatch, sample_home)
    monkeypatch.setattr(cli, "on_one_screen", fail)
    monkeypatch.setattr(cli, "draw_report", lambda version: drawn.append(version) or version.path)
    main_group.main(["run", "--home", str(tmp_path)], standalone_mode=False)
    assert drawn == [published(sample_home)]
    name = published(sample_home).path.name
    assert (
        f"warning: version {name} is published, but cannot be printed: " in capsys.readouterr().err
    )


def test_no_other_command_waits_for_what_draws() -> None:
    names = "{'jinja2', 'harness.report'}"
    commands = "harness.cli.make, harness.cli.read, harness.cli.serving"
    code = f"import sys, {commands}; sys.exit(len({names} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# In a browser

COLOURS = {
    False: {"page": "#f3f4f6", "succeeded": "#0072b2", "pending": "#c98700", "failed": "#a8325a"},
    True: {"page": "#0f1216", "succeeded": "#56b4e9", "pending": "#f0c54a", "failed": "#d9548a"},
}


def pixels(png: bytes) -> Iterator[str]:
    """The colours of the pixels of a PNG file, such as #0072b2."""
    place, data = 8, b""
    while place < len(png):
        (length,) = struct.unpack(">I", png[place : place + 4])
        kind, content = png[place + 4 : place + 8], png[place + 8 : place + 8 + length]
        if kind == b"IHDR":
            width, _, depth, colour_type = struct.unpack(">IIBB", content[:10])
            assert (depth, colour_type) in [(8, 2), (8, 6)]
            size = 3 if colour_type == 2 else 4
        elif kind == b"IDAT":
            data += content
        place += 12 + length
    data = zlib.decompress(data)
    line = bytearray(width * size)
    for start in range(0, len(data), width * size + 1):
        method, raw = data[start], data[start + 1 : start + 1 + width * size]
        above, line = line, bytearray(raw)
        for i in range(len(line)):
            left, up = (line[i - size] if i >= size else 0), above[i]
            corner = above[i - size] if i >= size else 0
            line[i] = (line[i] + _predicted(method, left, up, corner)) & 255
        yield from (f"#{line[i : i + 3].hex()}" for i in range(0, len(line), size))


def _predicted(method: int, left: int, up: int, corner: int) -> int:
    nearest = min((left, up, corner), key=lambda each: abs(left + up - corner - each))
    return (0, left, up, (left + up) // 2, nearest)[method]


def luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [
        each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in parts
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_colours_stand_out(dark: bool, sample: Path) -> None:
    text = (sample / "report.html").read_text()
    palettes = re.findall(r"color-scheme: (?:light|dark);(.*?)}", text, re.S)
    found = dict(re.findall(r"--([\w-]+): (#\w{6})", palettes[dark]))
    assert found.items() >= COLOURS[dark].items()
    for name in ("text", "muted", "link"):
        for ground in ("page", "surface"):
            assert contrast(found[name], found[ground]) >= 4.5, (name, ground)
    assert contrast(found["text"], found["notice"]) >= 4.5
    assert contrast(found["link"], found["notice"]) >= 4.5
    for name in ("succeeded", "pending", "failed"):
        assert contrast(found[name], found["surface"]) >= 3, name


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_the_bars_have_the_colours_of_their_statuses(
    dark: bool, sample: Path, chromium: Browser
) -> None:
    chromium.open(sample / FILES["sample"][1], dark=dark)
    (box,) = chromium.value(
        "[...document.querySelectorAll('svg[role=img]')].slice(0, 1).map(each =>"
        " { const box = each.getBoundingClientRect();"
        " return {x: box.x, y: box.y, width: box.width, height: box.height} })"
    )
    found = Counter(pixels(chromium.screenshot(box)))
    # Most is collected, then open, then failed; a stripe or dot takes part of the last two.
    colours = COLOURS[dark]
    assert found[colours["succeeded"]] > 20_000
    assert found[colours["pending"]] > 1_000
    assert found[colours["failed"]] > 300
    corner = set(pixels(chromium.screenshot({"x": 0, "y": 0, "width": 8, "height": 8})))
    assert corner == {colours["page"]}


def test_the_page_asks_for_nothing_and_complains_of_nothing(file: Path, chromium: Browser) -> None:
    chromium.open(file)
    requested = [
        each["params"]["request"]["url"]
        for each in chromium.events
        if each["method"] == "Network.requestWillBeSent"
    ]
    assert requested == [file.as_uri()]
    said = ("Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown")
    assert [each for each in chromium.events if each["method"] in said] == []


@pytest.mark.parametrize("width", [320, 1280])
def test_nothing_is_cut_off_at_any_width(width: int, file: Path, chromium: Browser) -> None:
    chromium.open(file, width)
    assert chromium.value("document.documentElement.scrollWidth") == width
    # No label of a chart leaves its card or runs into another one.
    assert chromium.value(LABELS_AT_ODDS) == []
    # No number is broken, nor leaves the card that it is in.
    assert chromium.value(FIGURES_AT_ODDS) == []


LABELS_AT_ODDS = """[...document.querySelectorAll('svg[role=img]')].flatMap(picture => {
    const card = picture.closest('.card').getBoundingClientRect();
    const labels = [...picture.querySelectorAll('text')].map(each =>
        [each.textContent, each.getBoundingClientRect()]);
    return labels.flatMap(([text, box], number) => [
        ...(box.left < card.left || box.right > card.right ? [text] : []),
        ...labels.slice(number + 1).filter(([_, other]) =>
            box.left < other.right && other.left < box.right
            && box.top + 4 < other.bottom && other.top + 4 < box.bottom
        ).map(([other]) => text + ' / ' + other)])
})"""
FIGURES_AT_ODDS = """[...document.querySelectorAll('.figure, .figures td, .number')
].filter(each => {
    const range = document.createRange();
    range.selectNodeContents(each);
    const tops = new Set([...range.getClientRects()].map(box => Math.round(box.top)));
    const card = each.closest('.card').getBoundingClientRect();
    const scrolls = each.closest('.scroll');
    return tops.size > 1 || (!scrolls && range.getBoundingClientRect().right > card.right);
}).map(each => each.textContent)"""


def test_the_first_column_and_the_contents_stay_in_sight(odd: Path, chromium: Browser) -> None:
    chromium.open(odd / FILES["Forty"][1], 390)
    chromium.value("document.querySelectorAll('.scroll')[1].scrollLeft = 300")
    chromium.value("window.scrollTo(0, 5000)")
    place = "getBoundingClientRect()"
    assert chromium.value(f"document.querySelector('nav').{place}.top") == 0
    assert chromium.value(f"document.querySelector('nav').{place}.height") < 60
    assert chromium.value("document.querySelector('nav ul').scrollWidth") > 2000
    first = chromium.value(
        "(() => { const scroll = document.querySelectorAll('.scroll')[1];"
        f" return scroll.querySelector('tbody th').{place}.left - scroll.{place}.left }})()"
    )
    assert first == 0


def test_nothing_stands_in_the_way_of_those_who_do_not_see_it(
    file: Path, chromium: Browser
) -> None:
    assert at_odds(file, chromium, dark=False) == []


def test_colours_stand_in_nobodys_way_in_the_dark(sample: Path, chromium: Browser) -> None:
    assert at_odds(sample / FILES["sample"][1], chromium, dark=True) == []


def at_odds(file: Path, chromium: Browser, dark: bool) -> Any:
    """What axe-core finds on a page."""
    if not AXE.is_file():
        pytest.skip("left out: axe-core is not in target/javascript")
    chromium.open(file, dark=dark)
    chromium.value(AXE.read_text() + "; 0")
    return chromium.value(
        "axe.run(document, {resultTypes: ['violations']}).then(found =>"
        " found.violations.map(each => [each.id, each.nodes.length, each.nodes[0].html]))"
    )


def test_it_prints_with_its_tables(sample: Path, odd: Path, chromium: Browser) -> None:
    chromium.open(sample / FILES["sample"][1], dark=True)
    folded = "[...document.querySelectorAll('details table')].map(each => each.offsetHeight)"
    shown = "getComputedStyle(document.querySelector('details'), '::details-content')"
    assert chromium.value(f"{shown}.contentVisibility") == "hidden"
    dark = {"name": "prefers-color-scheme", "value": "dark"}
    chromium.ask("Emulation.setEmulatedMedia", media="print", features=[dark])
    assert chromium.value(f"{shown}.contentVisibility") == "visible"
    assert min(chromium.value(folded)) > 200
    for name, colour in (("color", "rgb(28, 33, 39)"), ("backgroundColor", "rgb(255, 255, 255)")):
        assert chromium.value(f"getComputedStyle(document.body).{name}") == colour
    pdf = chromium.pdf()
    # Chromium prints a pattern as a picture, which makes large files.
    assert b"/PatternType" not in pdf
    # Folded, the tables would leave 5 pages or so.
    assert 7 <= len(re.findall(rb"/Type /Page\b", pdf)) <= 12
