"""Sixty organizations in one home: each is found by name, and what is said of all stays short."""

import json
import shutil
from pathlib import Path

import duckdb
import pytest
from conftest import Harness, copied, shared_home
from test_serve import ask, bearer, link_to

from harness.api import versions
from harness.api.keys import add_key
from harness.api.serve import application
from harness.collection.answers import PATH, answer
from harness.collection.collection import Collection
from harness.collection.version import Published, published
from harness.foundation.errors import HarnessError
from harness.foundation.home import Home
from harness.published.screen import LINES, on_one_screen

COUNT = 60
AS_OF = ("--as-of", "2026-03-31")
INVOICES = "id,organization_id,status,payment_status,issuing_date,currency,total_amount_cents\n"


def name_of(number: int) -> str:
    """The higher the number, the earlier the name; every other one is in capitals."""
    if number in (58, 59):
        return ""
    if number in (20, 21):
        return "Twin"
    return f"{'COMPANY' if number % 2 else 'company'} {COUNT - number:02}"


def write_source(directory: Path, count: int = COUNT) -> Path:
    """Of each organization an invoice in EUR, one in USD, one in JPY, and a faulty one."""
    directory.mkdir()
    organizations = ["id,name,created_at\n"]
    invoices = [INVOICES]
    for number in range(count):
        id_ = f"o{number:02}"
        organizations.append(f"{id_},{name_of(number)},2026-01-10 09:00:00\n")
        invoices += [
            f"{id_}-1,{id_},finalized,pending,2026-02-05,EUR,{100 * (number + 1)}\n",
            f"{id_}-2,{id_},finalized,succeeded,2026-03-05,USD,1000\n",
            f"{id_}-3,{id_},finalized,failed,2026-03-06,JPY,5\n",
            f"{id_}-4,{id_},finalized,pending,2026-03-07,XXX,700\n",
        ]
    (directory / "organizations.csv").write_text("".join(organizations))
    (directory / "invoices.csv").write_text("".join(invoices))
    return directory


@pytest.fixture(scope="session")
def many(shared: Path, harness: Harness, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """Sixty organizations, published."""
    source = write_source(tmp_path_factory.mktemp("many") / "source")
    return shared_home(shared / "many", harness, "--from", source, *AS_OF)


@pytest.fixture
def copy(many: Home, tmp_path: Path) -> Home:
    return copied(many, tmp_path / "home")


def as_before(home: Home) -> None:
    """Make the version one as they were published when the manifest listed each organization."""
    version = published(home)
    with duckdb.connect(str(version.database)) as connection:
        connection.execute("drop table organizations")
        connection.execute("checkpoint")
    rows = {name: count for name, count in version.manifest["rows"].items() if name[:2] != "or"}
    old = {
        "rows": rows,
        "organizations": [
            {"id": f"o{number:02}", "name": name_of(number) or None, "first_month": "2026-01-01"}
            for number in range(COUNT)
        ],
        "sums": [
            {
                "organization_id": f"o{number:02}",
                "currency": "EUR",
                "invoices_count": 1,
                "amount_cents": str(100 * (number + 1)),
            }
            for number in range(COUNT)
        ],
        "exclusions": [
            {
                "organization_id": f"o{number:02}",
                "reason": "unknown_currency",
                "invoices_count": 1,
                "example_invoice_id": f"o{number:02}-4",
                "is_data_fault": True,
                "given": "XXX",
            }
            for number in range(COUNT)
        ],
    }
    (version.path / "manifest.json").write_text(json.dumps(version.manifest | old))


# Which organization


def test_organizations_come_in_order_of_name_and_without_one_last(many: Home) -> None:
    version = published(many)
    names = version.organizations()
    # 57 is company 03, and 0 is company 60; then the twins, and the two without a name.
    assert list(names)[:3] == ["o57", "o56", "o55"]
    assert list(names)[-5:] == ["o00", "o20", "o21", "o58", "o59"]
    assert [names["o57"], names["o00"], names["o58"]] == ["COMPANY 03", "company 60", None]
    assert list(version.collection().organizations) == list(names)


def test_the_collection_is_read_of_some_alone(many: Home) -> None:
    version = published(many)
    all_of_them = version.collection()
    some = version.collection(["o03", "nobody", "o07"])
    assert list(some.organizations) == ["o07", "o03"]
    for id_, organization in some.organizations.items():
        assert organization == all_of_them.organizations[id_]
        assert [(row.currency, row.amount_cents) for row in organization.rows] == [
            ("EUR", 800 if id_ == "o07" else 400),
            ("JPY", 5),
            ("USD", 1000),
        ]
    assert version.collection([]).organizations == {}
    assert version.collection(["' or 1 = 1 --"]).organizations == {}


def test_versions_from_before_name_their_organizations_in_the_manifest(
    copy: Home, many: Home
) -> None:
    as_before(copy)
    assert published(copy).organizations() == published(many).organizations()
    ours, theirs = (published(each).collection(["o03"]) for each in (copy, many))
    assert ours.organizations == theirs.organizations
    assert list(published(copy).collection().organizations) == list(published(many).organizations())


@pytest.mark.parametrize(
    "command",
    [
        ["show"],
        ["show", "--format", "json"],
        ["get", "/api/v1/analytics/invoice_collection"],
        ["invoices"],
        ["invoices", "--excluded"],
    ],
)
def test_an_organization_goes_by_id_or_name(
    command: list[str], many: Home, harness_here: Harness
) -> None:
    by_id, by_name = (
        harness_here(*command, "--organization", asked, home=many)
        for asked in ("o57", "COMPANY 03")
    )
    assert (by_id.returncode, by_name.returncode) == (0, 0), by_name.stderr
    assert by_id.stdout == by_name.stdout


def test_lagos_answer_is_compared_with_the_organization_of_that_name(
    many: Home, harness_here: Harness, tmp_path: Path
) -> None:
    wanted = ("--organization", "COMPANY 03")
    answer = harness_here("get", "/api/v1/analytics/invoice_collection", *wanted, home=many).stdout
    (tmp_path / "answer.json").write_text(answer)
    process = harness_here("diff", tmp_path / "answer.json", *wanted, home=many)
    assert process.returncode == 0, process.stderr
    assert process.stdout.splitlines()[0].startswith("COMPANY 03, as of 2026-03-31")
    assert process.stdout.splitlines()[-1] == "all rows are equal"


@pytest.mark.parametrize("command", [["show"], ["get", "/x"], ["invoices"], ["keys", "add"]])
def test_of_many_organizations_an_error_names_a_few(
    command: list[str], many: Home, harness_here: Harness
) -> None:
    process = harness_here(*command, "--organization", "company 03", home=many)
    assert process.returncode == 2
    # Exact means exact: 57 is COMPANY 03.
    assert "there is no organization 'company 03'; there is: o57 (COMPANY 03)" in process.stderr
    assert process.stderr.count("ompany") + process.stderr.count("COMPANY") == 1 + 20
    assert process.stderr.endswith(" ... and 40 more\n")


def test_a_name_that_several_have_is_none(many: Home, harness_here: Harness) -> None:
    process = harness_here("show", "--organization", "Twin", home=many)
    assert process.returncode == 2
    assert (
        process.stderr
        == "error: several organizations are named 'Twin'; give the id of one: o20, o21\n"
    )
    with pytest.raises(HarnessError, match="there are several organizations; give --organization"):
        published(many).organization_id(None)
    assert published(many).organization_id("o21") == "o21"


# What is checked of all


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("invoices_count = -1", "o33: $.invoice_collections[1].invoices_count: -1 is less than"),
        ("currency = 'eur'", "o33: $.invoice_collections[1].currency: 'eur' is not one of"),
        ("payment_status = 'paid'", "o33: $.invoice_collections[1].payment_status: 'paid' is not"),
    ],
)
def test_of_many_organizations_the_one_that_breaks_the_contract_is_named(
    change: str, words: str, copy: Home, harness_here: Harness
) -> None:
    with duckdb.connect(str(copy.scratch / "collection.duckdb")) as connection:
        where = "organization_id = 'o33' and month = '2026-02-01'"
        connection.execute(f"update invoice_collection set {change} where {where}")
    process = harness_here("check", home=copy)
    assert process.returncode == 1
    assert f"FAIL  contract: JSON of 60 organizations: {words}" in process.stdout


def test_amounts_that_are_no_integers_break_the_contract(copy: Home, harness_here: Harness) -> None:
    with duckdb.connect(str(copy.scratch / "collection.duckdb")) as connection:
        connection.execute("alter table invoice_collection alter amount_cents type double")
    process = harness_here("check", home=copy)
    assert process.returncode == 1
    (line,) = (line for line in process.stdout.splitlines() if "contract" in line)
    # In order of name: 57 is the first. Its EUR come to 100 x 58.
    assert "o57: $.invoice_collections[1].amount_cents: 5800.0 is not of type 'integer'" in line
    # Ten are named, and not all 180.
    assert line.count("is not of type") == 10


def test_the_rows_that_were_judged_are_counted(many: Home, harness_here: Harness) -> None:
    # January is empty, February has one row, March two.
    words = "ok    contract: JSON of 60 organizations: every row of 240 is valid"
    assert words in harness_here("check", home=many).stdout


# What is served of all


def test_a_server_reads_whom_it_is_asked_for_and_keeps_a_few(
    many: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = link_to(many, tmp_path / "home")
    read: list[list[str]] = []
    whole = published(home).collection()

    def collection(version: Published, only: list[str]) -> Collection:
        read.append(only)
        return reading(version, only)

    reading = Published.collection
    monkeypatch.setattr(Published, "collection", collection)
    monkeypatch.setattr(versions, "_ORGANIZATIONS_KEPT", 2)
    monkeypatch.setattr(versions, "_ANSWERS_KEPT", 1)
    app = application(home)
    for id_ in ("o03", "o04", "o03", "o05", "o05", "o04", "gone"):
        reply = ask(app, headers=bearer(add_key(home, id_, None)))
        if id_ == "gone":
            assert reply.status == 404
        else:
            assert reply.body == answer(whole, whole.organizations[id_], PATH).body
    # First none, to see whether it can be read; then each but those that were kept.
    assert read == [[], ["o03"], ["o04"], ["o05"], ["o04"], ["gone"]]


def test_a_version_that_is_removed_while_it_is_served_still_answers(copy: Home) -> None:
    app = application(copy)
    first, second = (bearer(add_key(copy, id_, None)) for id_ in ("o03", "o04"))
    assert ask(app, headers=first).status == 200
    shutil.rmtree(published(copy).path)
    reply = ask(app, headers=second)
    assert reply.status == 200
    # 100 x 5.
    assert reply.json["invoice_collections"][1]["amount_cents"] == 500
    assert ask(app, "/health").json["data_faults"] == 60


def test_a_version_that_is_damaged_while_it_is_served_is_no_answer(
    copy: Home, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    app = application(copy)
    first, second = (bearer(add_key(copy, id_, None)) for id_ in ("o03", "o04"))
    assert ask(app, headers=first).status == 200

    def damaged(_version: Published, _only: list[str]) -> Collection:
        raise duckdb.IOException("a block is damaged")

    monkeypatch.setattr(Published, "collection", damaged)
    reply = ask(app, headers=second)
    assert (reply.status, reply.json["code"]) == (503, "home_unreadable")
    assert "a block is damaged" in capfd.readouterr().err
    assert ask(app, headers=first).status == 200


def test_the_health_of_a_version_from_before_is_as_it_was(copy: Home, many: Home) -> None:
    as_before(copy)
    assert ask(application(copy), "/health").json == ask(application(many), "/health").json


# What is kept of all


def test_the_manifest_sums_up_all_organizations(many: Home) -> None:
    manifest = published(many).manifest
    assert "organizations" not in manifest
    assert manifest["rows"]["organizations"] == 60
    # 100 x (1 + 2 + ... + 60), 60 x 5 and 60 x 1000.
    assert manifest["sums"] == [
        {"currency": "EUR", "invoices_count": 60, "amount_cents": "183000"},
        {"currency": "JPY", "invoices_count": 60, "amount_cents": "300"},
        {"currency": "USD", "invoices_count": 60, "amount_cents": "60000"},
    ]
    assert manifest["exclusions"] == [
        {
            "reason": "unknown_currency",
            "is_data_fault": True,
            "organizations": 60,
            "invoices_count": 60,
            "example_invoice_id": "o00-4",
            "given": "XXX",
        }
    ]


def test_versions_from_before_are_listed_gone_back_to_and_compared_with(
    copy: Home, harness_here: Harness
) -> None:
    as_before(copy)
    old = published(copy).path.name
    assert harness_here("check", home=copy).returncode == 0
    assert harness_here("publish", home=copy).returncode == 0
    assert published(copy).path.name != old
    listed = json.loads(harness_here("versions", "--format", "json", home=copy).stdout)
    assert [each["sums"] for each in listed] == [listed[0]["sums"]] * 2
    process = harness_here("rollback", home=copy)
    assert process.returncode == 0, process.stderr
    assert published(copy).path.name == old
    shown = harness_here("show", "--organization", "COMPANY 03", home=copy).stdout
    assert "COMPANY 03 (o57), EUR" in shown


# What is printed of all


def test_a_run_prints_one_screen_of_many_organizations(
    copy: Home, harness: Harness, tmp_path: Path
) -> None:
    version = published(copy).path
    source = write_source(tmp_path / "source")
    process = harness(
        *("run", "--from", source, *AS_OF, "--no-report"), home=copy, LAGO_TESTS_MODELS_ALONE="1"
    )
    assert process.returncode == 0, process.stderr
    lines = process.stdout.splitlines()
    assert len(lines) < 40
    assert lines[0] == "Invoice collection as of 2026-03-31, count and amount of the last 12 months"
    # EUR come to 100 x (1 + 2 + ... + 60) cents; the highest number has the largest amount.
    assert lines[2:11] == [
        "                             pending      succeeded      failed     rate",
        "EUR  all organizations   60 1,830.00    0      0.00    0   0.00     0.0%",
        "     o59                  1    60.00    0      0.00    0   0.00     0.0%",
        "     o58                  1    59.00    0      0.00    0   0.00     0.0%",
        "     COMPANY 03           1    58.00    0      0.00    0   0.00     0.0%",
        "     company 04           1    57.00    0      0.00    0   0.00     0.0%",
        "     COMPANY 05           1    56.00    0      0.00    0   0.00     0.0%",
        "     ... and 55 more",
        "JPY  all organizations    0        0    0         0   60    300     0.0%",
    ]
    words = "Each month: harness show; of one organization: harness show --organization NAME"
    assert words in lines
    # Faults of the data are told by reason, and not by organization.
    said = process.stderr.splitlines()
    assert len(said) < 20
    assert (
        "  data fault: unknown_currency: 60 invoices of 60 organizations, such as o00-4 with 'XXX'"
        " for currency"
    ) in said
    assert "  of each organization: harness check" in said
    # Published without its report.
    assert published(copy).path != version
    assert not (published(copy).path / "report.html").exists()
    assert "drawing" not in process.stderr
    assert "report.html" not in process.stdout


def test_of_many_organizations_that_vanish_a_run_names_a_few(
    copy: Home, harness: Harness, tmp_path: Path
) -> None:
    given = ("--from", write_source(tmp_path / "source", count=1), *AS_OF, "--no-report")
    process = harness("run", *given, home=copy, LAGO_TESTS_MODELS_ALONE="1")
    assert process.returncode == 1
    assert "59 findings keep this build from being published" in process.stderr
    assert process.stderr.count("vanished: 3 collected") == 10
    others = "earlier version: others: 49 more have shrunk or vanished; each of them: harness check"
    assert f"FAIL  {others}" in process.stderr
    assert harness("check", home=copy).stdout.count("vanished: 3 collected") == 59
    process = harness("run", *given, "--allow-shrink", home=copy, LAGO_TESTS_MODELS_ALONE="1")
    assert process.returncode == 0, process.stderr
    assert f"warn  {others}" in process.stderr
    checks = published(copy).manifest["checks"]
    assert [each["check"] for each in checks].count("earlier version") == 11
    # Few organizations are shown month by month.
    assert "company 60 (o00), EUR" in process.stdout
    assert "  2026-02   1    1.00   0      0.00   0   0.00   0.0%" in process.stdout


def test_all_is_shown_where_it_is_asked_for(many: Home, harness_here: Harness) -> None:
    lines = harness_here("show", home=many).stdout.splitlines()
    titles = [line for line in lines if line.endswith(", EUR")]
    assert len(titles) == 60
    assert titles[:2] == ["COMPANY 03 (o57), EUR", "company 04 (o56), EUR"]


def of_currencies(home: Home, count: int) -> None:
    """Let the only invoices of a version be one in each of so many currencies, and all of o00."""
    with duckdb.connect(str(published(home).database)) as connection:
        connection.execute("delete from invoice_collection")
        connection.execute(
            "insert into invoice_collection"
            " select 'o00', date '2026-02-01', 'succeeded', currency, 1, 100 * row_number() over ()"
            f" from (from currencies order by currency limit {count})"
        )


@pytest.mark.parametrize(("count", "more"), [(10, None), (29, None), (30, 2), (100, 72)])
def test_many_currencies_are_one_screen_too(count: int, more: int | None, copy: Home) -> None:
    of_currencies(copy, count)
    lines = list(on_one_screen(published(copy)))
    assert len(lines) <= LINES
    assert len([line for line in lines if line.endswith("100.0%")]) == count - (more or 0)
    assert (f"     ... and {more} more currencies" in lines) == bool(more)


def test_nothing_collected_is_said(copy: Home) -> None:
    of_currencies(copy, 0)
    assert list(on_one_screen(published(copy)))[2] == "  no collected invoices"
