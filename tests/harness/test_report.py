"""The HTML report: its figures, its words, and how it looks in a browser."""

import csv
import itertools
import re
import resource
import shutil
import struct
import subprocess
import sys
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import date
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import browser
import pytest
from browser import Browser
from conftest import CASES, Harness
from html_page import Element, parsed

from harness.cli import make as cli
from harness.cli.group import main_group
from harness.collection.collection import Collection, Organization, Published, Row, published
from harness.collection.reasons import reasons
from harness.foundation.home import Home
from harness.published.show import percent
from harness.report import page as report
from harness.report.chart import Axis, money_axis
from harness.report.figures import CurrencyFigures, currency_figures, tiles

QUILLFERN = "11bedd82-2ba9-473b-b755-d9bca18f55be"
MAPLESTRAND = "72e2286b-2d17-433d-99b3-ce624b5dcaf3"
NASTY = '<script>alert(1)</script> & "Söhne" ' + "x" * 90
AS_OF = date(2026, 6, 17)
LARGEST = 2**63 - 1
SUBUNITS = {"EUR": 100, "HUF": 1, "JPY": 1, "KWD": 1000, "CLF": 10000, "MRO": 5}


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


def figures(count: int, *cells: tuple[int, str, str, int]) -> CurrencyFigures:
    """The figures of the only currency of such an organization."""
    some = organization(count, *cells)
    (found,) = currency_figures(some, Collection(AS_OF, {some.id: some}, SUBUNITS))
    return found


def rendered(*organizations: Organization, exclusions: tuple[dict[str, Any], ...] = ()) -> str:
    """The report of these organizations."""
    collected = sum(row.invoices_count for each in organizations for row in each.rows)
    manifest = {
        "version": "20260617T120000Z-12345678",
        "published_at": "2026-06-17T12:00:00+00:00",
        "as_of_remark": "A remark.",
        "load": {"loaded_at": "2026-06-17T11:00:00Z", "raw": collected + len(exclusions)},
        "exclusions": exclusions,
    }
    codes = {row.currency: 100 for each in organizations for row in each.rows} | SUBUNITS
    collection = Collection(AS_OF, {each.id: each for each in organizations}, codes)
    return report.render(manifest, collection, {}, lambda _share, _detail: None)


def fixture_rows() -> list[dict[str, str]]:
    with (CASES / "sample.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def section_of(page: Element, heading_id: str) -> Element:
    (found,) = (
        each for each in page.all("section") if each.attributes.get("aria-labelledby") == heading_id
    )
    return found


def shown_tiles(section: Element) -> dict[str, list[str]]:
    (shown,) = (each for each in section.all("dl") if each.attributes.get("class") == "tiles")
    return {
        next(tile.all("dt")).text: [each.text for each in tile.all("dd")]
        for tile in shown.all("div")
    }


@pytest.fixture(scope="module")
def sample_file(sample_home: Home) -> Path:
    return sample_home.published / "current" / "report.html"


@pytest.fixture(scope="module")
def sample_page(sample_file: Path) -> Element:
    return parsed(sample_file.read_text())


@pytest.fixture(scope="module")
def odd_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """40 currencies, 60 months; one month, none, no invoices; amounts that are hard to show."""
    statuses = ("failed", "pending", "succeeded")
    codes = [f"X{first}{second}" for first in "ABCDEFGH" for second in "ABCDE"]
    many = [
        (ago, status, code, 10 ** (number % 18) * (60 - ago + rank))
        for ago in range(13)
        for number, code in enumerate(codes)
        for rank, status in enumerate(statuses)
        if (ago + number) % 12
    ]
    sixty = [(ago, status, "EUR", 140 * ago) for ago in range(60) for status in statuses]
    huge = [(ago, status, "JPY", LARGEST) for ago in range(3) for status in statuses]
    below = [(1, "succeeded", "KWD", 9001), (1, "pending", "KWD", -LARGEST)]
    html = rendered(
        organization(13, *many, name="Forty"),
        organization(3, *huge, *below, (2, "failed", "MRO", 7), name=NASTY),
        organization(1, (0, "pending", "HUF", 1), name="New"),
        organization(5, name=None),
        Organization("later", "Later", (), (), (), {}),
        organization(60, *sixty, name="Sixty"),
        exclusions=(
            {
                "organization_id": None,
                "reason": "unknown_organization",
                "invoices_count": 1,
                "example_invoice_id": NASTY,
                "is_data_fault": True,
                "given": NASTY,
            },
        ),
    )
    path = tmp_path_factory.mktemp("odd") / "report.html"
    path.write_text(html)
    return path


@pytest.fixture(scope="module")
def odd_page(odd_file: Path) -> Element:
    return parsed(odd_file.read_text())


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    path = browser.program()
    if not path:
        pytest.skip(f"there is no {' or '.join(browser.PROGRAMS)} here; install chromium")
    with browser.running(path) as running:
        yield running


@pytest.fixture(params=["sample", "odd"])
def file(request: pytest.FixtureRequest, sample_file: Path, odd_file: Path) -> Path:
    return sample_file if request.param == "sample" else odd_file


@pytest.fixture(params=["sample", "odd"])
def page(request: pytest.FixtureRequest, sample_page: Element, odd_page: Element) -> Element:
    return sample_page if request.param == "sample" else odd_page


# What is in it


def test_the_page_is_well_made(page: Element) -> None:
    (html,) = page.all("html")
    assert html.attributes["lang"] == "en"
    for landmark in ("header", "nav", "main", "footer", "title", "h1"):
        assert len(list(page.all(landmark))) == (1 if landmark != "title" else 1 + charts(page))
    levels = [int(each.tag[1]) for each in page.all("h1", "h2", "h3", "h4")]
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
    for table in page.all("table"):
        assert [each.tag for each in table.all("caption")] == ["caption"]
        assert {each.attributes.get("scope") for each in table.all("th")} <= {
            *("row", "col", "colgroup"),
        }
        assert all(next(row.all("th"), None) for row in table.all("tr"))
    ids = page.ids()
    for picture in page.all("svg"):
        if picture.attributes.get("aria-hidden") != "true":
            assert picture.attributes["role"] == "img"
            assert ids[picture.attributes["aria-labelledby"]].text
            assert ids[picture.attributes["aria-describedby"]].text


def charts(page: Element) -> int:
    return sum(each.attributes.get("role") == "img" for each in page.all("svg"))


def test_every_reference_stays_on_the_page(file: Path) -> None:
    text = file.read_text()
    page = parsed(text)
    ids = page.ids()
    for each in page.all():
        assert each.tag not in ("script", "link", "img", "iframe", "object", "base")
        for name, value in each.attributes.items():
            assert not name.startswith("on")
            if name in ("href", "src", "xlink:href"):
                assert value.removeprefix("#") in ids, value
            if name in ("aria-labelledby", "aria-describedby"):
                assert value in ids
    assert set(re.findall(r"url\(#([^)]*)\)", text)) <= set(ids)
    assert "url(" not in re.sub(r"url\(#", "", text)
    assert "@import" not in text


def test_the_header_says_what_the_figures_are_of(sample_page: Element, sample_home: Home) -> None:
    manifest = published(sample_home).manifest
    (header,) = sample_page.all("header")
    facts = dict(
        zip(
            (each.text for each in header.all("dt")),
            (each.text for each in header.all("dd")),
            strict=True,
        )
    )
    loaded_at = facts.pop("Loaded at")
    assert facts == {
        "Organizations": "Quillfern Cloud GmbH, Maplestrand Software Inc.",
        "As of": "2026-06-17",
        "Version": manifest["version"],
    }
    assert loaded_at.replace(" ", "T").replace("TUTC", "Z") == manifest["load"]["loaded_at"]
    assert "does not bring back those of the past" in header.text


def test_the_card_has_the_last_complete_month(sample_page: Element) -> None:
    # May 2026 of tests/cases/sample.csv against April: 25832.21 + 12630.87 + 1816.52 = 40279.60,
    # and 34665.08 + 1451.89 + 2874.12 = 38991.09; 25832.21 / 40279.60 is 64.13% after 88.91%.
    section = section_of(sample_page, "organization-1-EUR")
    assert [each.text for each in section.all("h4")] == [
        "May 2026, the last complete month; changes against April 2026"
    ]
    assert shown_tiles(section) == {
        "Invoiced": ["40,279.60", "89 invoices", "+1,288.51 (+3.3%)"],
        "Collected": ["25,832.21", "69 invoices", "-8,832.87 (-25.5%)"],
        "Open": ["12,630.87", "18 invoices", "+11,178.98 (+770.0%)"],
        "Failed": ["1,816.52", "2 invoices", "-1,057.60 (-36.8%)"],
        "Collection rate": ["64.1%", "collected / invoiced", "-24.8 points"],
    }
    assert "goes by the status of each invoice and knows no partial payments" in section.text
    # No part of June is in it; what there is of June is called partial.
    (partial,) = (each for each in section.all("table") if each.attributes["class"] == "sofar")
    assert next(partial.all("caption")).text == "June 2026 so far, partial, in EUR"
    assert partial.rows() == [
        ["Invoiced", "35,077.86"],
        ["Collected", "15,268.27"],
        ["Open", "14,858.35"],
        ["Failed", "4,951.24"],
    ]


def test_the_tables_are_exactly_the_collection(sample_page: Element) -> None:
    cells: dict[tuple[str, ...], tuple[int, int]] = defaultdict(lambda: (0, 0))
    for row in fixture_rows():
        key = (row["organization_id"], row["currency"], row["month"][:7], row["payment_status"])
        cells[key] = (int(row["invoices_count"]), int(row["amount_cents"]))
    all_months = [f"{number // 12}-{number % 12 + 1:02}" for number in range(24294, 24318)]
    names = [*("January", "February", "March", "April", "May", "June", "July", "August")]
    names += ["September", "October", "November", "December"]
    seen = 0
    for number, (id_, first) in enumerate([(QUILLFERN, 0), (MAPLESTRAND, 8)], start=1):
        for code in sorted({key[1] for key in cells if key[0] == id_}):
            expected = []
            for month in all_months[first:]:
                invoices = [
                    cells[id_, code, month, status] for status in ("succeeded", "pending", "failed")
                ]
                texts = [f"{names[int(month[5:]) - 1]} {month[:4]}"]
                for count, cents in [tuple(map(sum, zip(*invoices, strict=True))), *invoices]:
                    texts.append(str(count))
                    texts.append(f"{cents:,}" if code == "JPY" else f"{cents / 100:,.2f}")
                expected.append(texts)
            expected[-1][0] += " (partial)"
            section = section_of(sample_page, f"organization-{number}-{code}")
            (details,) = section.all("details")
            rows = next(details.all("table")).rows()
            assert [row[:-1] for row in rows] == expected
            seen += 1
    assert seen == 7
    # August 2025 is empty for Maplestrand: zeros, no rate, and said beside the chart.
    assert rows[5] == ["August 2025", *["0", "0.00"] * 4, "\N{EN DASH}"]
    assert "Without invoices in USD: August 2025." in section.text


def test_what_is_left_out_is_explained(sample_page: Element, sample_home: Home) -> None:
    section = section_of(sample_page, "left-out")
    faults, on_purpose = (table.rows() for table in section.all("table"))
    assert ["Quillfern Cloud GmbH", "1"] in [[row[0], row[2]] for row in faults]
    invalid = next(row for row in faults if "(invalid_amount)" in row[1])
    assert invalid[1].startswith("Its amount is missing, is no whole number, or is too large")
    assert invalid[3] == "040b2e3c-642c-42ac-9a1e-a338e5d21912, which has 12.5"
    assert invalid[4].startswith("Export total_amount_cents as an integer")
    assert sum(int(row[2]) for row in faults) == 12
    assert "12 invoices left out for faults of the data." in next(sample_page.all("header")).text
    # Quillfern has 97 drafts and the like; at most three of them are named.
    (drafts,) = (row for row in on_purpose if row[0][0] == "Q" and "not_finalized" in row[1])
    assert drafts[2] == "97"
    assert len(drafts[3].split(", ")) == 3
    manifest = published(sample_home).manifest
    counted = {reason: 0 for reason in reasons()}
    for row in faults + on_purpose:
        counted[re.findall(r"\((\w+)\)", row[1])[0]] += int(row[2])
    for each in manifest["exclusions"]:
        counted[each["reason"]] -= each["invoices_count"]
    assert set(counted.values()) == {0}


def test_the_page_of_the_sample_says_that_it_is_invented(sample_page: Element) -> None:
    assert "its organizations and invoices are invented" in next(sample_page.all("header")).text
    assert "load them again: harness run " in section_of(sample_page, "left-out").text + " "


def test_a_page_of_data_tells_how_to_load_it_again_and_what_was_not_landed(
    sample_home: Home,
) -> None:
    version = published(sample_home)
    load = {"options": ["--organizations", "/o.csv"], "superseded": 1200, "deleted": 7}
    manifest = version.manifest | {
        "source": "/data/in voices.csv",
        "load": version.manifest["load"] | load,
    }
    html = report.render(manifest, version.collection(), {}, lambda _share, _detail: None)
    assert "invented" not in html
    again = "harness run --from &#39;/data/in voices.csv&#39; --organizations /o.csv"
    assert f"<code>{again}</code>" in html
    assert "Of older versions, 1,200 more were read" in html
    assert "7 more had been deleted at the source; they do not count" in html


def test_names_from_data_are_text(odd_file: Path, odd_page: Element) -> None:
    assert "<script" not in odd_file.read_text()
    assert [each.text for each in odd_page.all("h2")][1] == NASTY
    assert NASTY in next(odd_page.all("header")).text
    (fault,) = next(section_of(odd_page, "left-out").all("table")).rows()
    assert NASTY in fault[3]


# Figures


def test_an_organization_without_invoices_has_a_friendly_section(odd_page: Element) -> None:
    text = section_of(odd_page, "organization-4").text
    assert text.startswith("Organization id of None No invoice counts yet. The report covers")
    assert "5 months, February 2026 to June 2026" in text
    assert (
        "created after the month of the as-of date" in section_of(odd_page, "organization-5").text
    )


def test_a_report_without_organizations_says_so() -> None:
    assert "has no organization" in parsed(rendered()).text


def test_the_first_month_has_nothing_to_compare_with() -> None:
    one = parsed(rendered(organization(1, (0, "succeeded", "EUR", 500))))
    assert "June 2026 is the first month of the report and not over yet" in one.text
    assert not [each for each in one.all("dl") if each.attributes["class"] == "tiles"]
    two = parsed(rendered(organization(2, (1, "succeeded", "EUR", 500))))
    assert shown_tiles(section_of(two, "organization-1-EUR")) == {
        "Invoiced": ["5.00", "1 invoice"],
        "Collected": ["5.00", "1 invoice"],
        "Open": ["0.00", "0 invoices"],
        "Failed": ["0.00", "0 invoices"],
        "Collection rate": ["100.0%", "collected / invoiced"],
    }


@pytest.mark.parametrize(
    ("cells", "rate", "detail", "change"),
    [
        ([], "\N{EN DASH}", "nothing was invoiced", ""),
        ([(1, "succeeded", 0)], "\N{EN DASH}", "nothing was invoiced", ""),
        ([(1, "failed", -5)], "\N{EN DASH}", "less than nothing was invoiced", ""),
        ([(1, "pending", 5)], "0.0%", "collected / invoiced", ""),
        ([(1, "pending", -5), (1, "succeeded", 10)], "200.0%", "collected / invoiced", ""),
        ([(1, "pending", 10), (1, "succeeded", -5)], "-100.0%", "collected / invoiced", ""),
        (
            [(1, "succeeded", 1), (2, "failed", 1)],
            "100.0%",
            "collected / invoiced",
            "+100.0 points",
        ),
        ([(1, "succeeded", 1), (2, "succeeded", 9)], "100.0%", "collected / invoiced", "no change"),
    ],
)
def test_the_rate_is_of_what_was_invoiced(
    cells: list[tuple[int, str, int]], rate: str, detail: str, change: str
) -> None:
    # The invoice of the as-of month never takes part.
    given = [(ago, status, "JPY", cents) for ago, status, cents in [*cells, (0, "failed", 70)]]
    *_, tile = tiles(figures(3, *given))
    assert (tile.figure, tile.detail, tile.change) == (rate, detail, change)


@pytest.mark.parametrize(
    ("before", "now", "change"),
    [
        (0, 0, "no change"),
        (0, 150, "+0.150"),
        (100, 150, "+0.050 (+50.0%)"),
        (150, 100, "-0.050 (-33.3%)"),
        (-100, 50, "+0.150"),
        (1, LARGEST, "+9,223,372,036,854,775.806 (+922,337,203,685,477,580,600.0%)"),
    ],
)
def test_the_change_is_against_the_month_before(before: int, now: int, change: str) -> None:
    tile, *_ = tiles(figures(3, (2, "failed", "KWD", before), (1, "failed", "KWD", now)))
    assert tile.change == change


@pytest.mark.parametrize(
    ("ratio", "text"),
    [
        (Fraction(9999, 10000), "over 99.9%"),
        (Fraction(1, 10000), "under 0.1%"),
        (Fraction(999, 1000), "99.9%"),
        (Fraction(2, 3), "66.7%"),
        (Fraction(LARGEST, 1), "922,337,203,685,477,580,700.0%"),
    ],
)
def test_a_percentage_never_rounds_to_all_or_nothing(ratio: Fraction, text: str) -> None:
    assert percent(ratio) == text


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
    assert money_axis(figures(3, *given)) == axis


def test_the_axes_of_the_charts_are_labelled_so(odd_page: Element) -> None:

    def texts(id_: str) -> set[str]:
        (picture,) = (
            each
            for each in section_of(odd_page, id_).all("svg")
            if each.attributes.get("role") == "img"
        )
        return {each.text for each in picture.all("text")}

    assert texts("organization-3-HUF") == {"0", "1", "HUF", "Jun 2026", "Jun 2026: not over yet"}
    assert {"0.0", "0.4", "1.6", "MRO"} <= texts("organization-2-MRO")
    assert {"quintillion JPY", "Apr 2026", "May 2026"} <= texts("organization-2-JPY")
    # The largest stack is 10,000 cents times 60 + 61 + 62: 18,300.00.
    assert {"0", "5,000", "20,000", "XAE", "Jul 2025", "Apr 2026"} <= texts("organization-1-XAE")
    # 59 times 3 times 1.40: 247.80.
    assert texts("organization-6-EUR") == {
        *("0", "50", "100", "150", "200", "250", "EUR", "Jun 2026: not over yet"),
        *("Jan 2022", "Jan 2023", "Jan 2024", "Jan 2025", "Jan 2026"),
    }


# The command


def test_the_report_can_be_drawn_again(sample_home: Home, tmp_path: Path, harness: Harness) -> None:
    shutil.copytree(sample_home.published, tmp_path / "published", symlinks=True)
    path = tmp_path / "published" / "current" / "report.html"
    drawn_by_run = path.read_bytes()
    path.unlink()
    manifest = (path.parent / "manifest.json").read_bytes()
    process = harness("report", home=Home(tmp_path))
    assert process.returncode == 0, process.stderr
    assert process.stdout == f"{path}\n"
    assert path.read_bytes() == drawn_by_run
    assert (path.parent / "manifest.json").read_bytes() == manifest

    path.write_text("the one before")
    # No file may grow beyond the limit, as on a disk without space.
    process = subprocess.run(
        [sys.executable, "-m", "harness", "report", "--home", tmp_path],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000)),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (process.returncode, process.stdout) == (2, "")
    assert "the report cannot be drawn (OSError" in process.stderr
    assert "stays published without it; try: harness report" in process.stderr
    assert path.read_text() == "the one before"
    assert not [each for each in path.parent.iterdir() if each.name.startswith(".")]


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
    monkeypatch.setattr(cli, "print_collection", fail)
    monkeypatch.setattr(cli, "draw_report", lambda version: drawn.append(version) or version.path)
    main_group.main(["run", "--home", str(tmp_path)], standalone_mode=False)
    assert drawn == [published(sample_home)]
    name = published(sample_home).path.name
    assert (
        f"warning: version {name} is published, but cannot be printed: " in capsys.readouterr().err
    )


def test_no_other_command_waits_for_what_draws() -> None:
    names = "{'altair', 'vl_convert', 'jinja2'}"
    code = f"import sys, harness.cli.group; sys.exit(len({names} & set(sys.modules)))"
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
def test_colours_stand_out(dark: bool, sample_file: Path) -> None:
    palettes = re.findall(r"color-scheme: (?:light|dark);(.*?)}", sample_file.read_text(), re.S)
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
    dark: bool, sample_file: Path, chromium: Browser
) -> None:
    chromium.open(sample_file, dark=dark)
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


@pytest.mark.parametrize("width", [320, 390, 700, 1000])
def test_nothing_is_cut_off_at_any_width(width: int, file: Path, chromium: Browser) -> None:
    chromium.open(file, width)
    assert chromium.value("document.documentElement.scrollWidth") == width
    # No label of a chart leaves its card or runs into another one.
    assert chromium.value(LABELS_AT_ODDS) == []


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


def test_it_prints_with_its_tables(sample_file: Path, chromium: Browser) -> None:
    chromium.open(sample_file, dark=True)
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
    # Folded, the tables would leave 4 pages or so.
    assert 8 <= len(re.findall(rb"/Type /Page\b", pdf)) <= 14
