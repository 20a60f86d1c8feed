"""Crawling a Lago's API: the rows of saved responses, whatever happens on the way."""

import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import duckdb
import httpx
import pytest
from conftest import CASES, Harness
from lago_stub import KEY, Lago, running, saved
from test_load import contents, failure, loaded, raw

from harness.collection.collection import published
from harness.foundation.home import Home
from harness.load.loading import current_load
from harness.sources import lago_api as api_module
from harness.sources.lago_api import Api

API = CASES / "lago" / "api"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    home.make()
    return home


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """No waiting: how long would have been waited is noted."""
    noted: list[float] = []
    monkeypatch.setattr(api_module, "sleep", noted.append)
    return noted


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAGO_API_KEY", KEY)


@pytest.fixture
def lago(key: None) -> Iterator[Lago]:
    with running(saved(API)) as lago:
        yield lago


def figures(home: Home) -> list[Any]:
    with duckdb.connect() as connection:
        return [
            connection.execute(
                f"select * exclude (_loaded_at) from '{home.raw}/{table}.parquet' order by all"
            ).fetchall()
            for table in ("organizations", "billing_entities", "invoices")
        ]


@pytest.fixture
def expected(tmp_path: Path) -> list[Any]:
    """What the same responses land as files."""
    home = Home(tmp_path / "saved")
    home.make()
    loaded(home, API)
    return figures(home)


def test_crawl_lands_the_rows_of_saved_responses(
    home: Home, lago: Lago, expected: list[Any]
) -> None:
    result = loaded(home, lago.url + "/api/v1/")
    assert figures(home) == expected
    assert (result.read, result.superseded, result.raw) == (2422, 0, 2422)
    assert (result.source, result.files, result.warnings) == (lago.url, {}, [])
    assert lago.requests[0] == "/api/v1/organizations"
    pages = [f"/api/v1/invoices?page={page}&per_page=500" for page in range(1, 6)]
    assert lago.requests[2:] == pages


def test_published_figures_equal_those_of_saved_responses(
    home: Home, lago: Lago, api_home: Home, harness: Harness
) -> None:
    process = harness("run", "--from", lago.url, "--as-of", "2026-11-15", home=home)
    assert process.returncode == 0, process.stderr
    ours, theirs = (published(each).collection() for each in (home, api_home))
    assert ours.organizations == theirs.organizations
    written = [*contents(home.path).values(), process.stdout.encode(), process.stderr.encode()]
    assert not [text for text in written if b"planted" in text]


@pytest.mark.parametrize("per_page", [50, 500])
def test_faults_and_new_invoices_on_the_way_change_no_figure(
    home: Home, lago: Lago, expected: list[Any], pauses: list[float], per_page: int
) -> None:
    lago.random_faults = 0.25
    lago.created_per_request = 1
    result = loaded(home, lago.url, per_page=per_page)
    assert pauses
    organizations, entities, invoices = figures(home)
    assert [organizations, entities] == expected[:2]
    assert [row for row in invoices if not row[0].startswith("created-")] == expected[2]
    assert result.superseded >= 1
    # What moves on does not make a crawl incomplete.
    assert result.read < 2 * result.raw


def test_many_invoices(home: Home, lago: Lago) -> None:
    one = lago.invoices[0]
    lago.invoices = [
        one | {"lago_id": f"{at:08}", "total_amount_cents": at, "customer": {"name": "x" * 99}}
        for at in range(20_000)
    ]
    result = loaded(home, lago.url, per_page=500)
    assert result.raw == 20_000
    amounts = [int(row["total_amount_cents"]) for row in raw(home)]
    assert amounts == list(range(20_000))


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("429", "the status 429, after 8 tries"),
        ("500", "the status 500, after 8 tries"),
        ("drop", "RemoteProtocolError (Server disconnected*, after 8 tries"),
        ("truncate", "RemoteProtocolError (peer closed*, after 8 tries"),
        ("html", "an answer that is no JSON, after 8 tries"),
        ("half", "an answer that is no JSON, after 8 tries"),
        ("without id", "an invoice without lago_id, after 8 tries"),
        ("page", "page 91 where page 1 was asked for, after 8 tries"),
        ("401", "refuses the key in LAGO_API_KEY: the status 401"),
        ("403", "refuses the key in LAGO_API_KEY: the status 403"),
        ("404", "there is no http*; is this the URL of a Lago?"),
        ("302", "gives the status 302; is this the URL of a Lago?"),
    ],
)
def test_fault_that_stays_is_an_error_and_the_last_load_stays(
    home: Home, lago: Lago, pauses: list[float], fault: str, words: str
) -> None:
    first = loaded(home, "sample")
    lago.faults = ["slow", "slow"] + [fault] * 8
    message = failure(home, lago.url)
    assert re.search(".*".join(map(re.escape, words.split("*"))), message), message
    assert "planted" not in message
    assert current_load(home) == first
    assert len(pauses) == (7 if "8 tries" in words else 0)
    lago.faults = ["slow", "slow"] + [fault] * 7
    if "8 tries" in words:
        assert loaded(home, lago.url).raw == 2422


def test_pauses_grow_and_follow_the_server(
    home: Home, lago: Lago, pauses: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_module, "uniform", lambda low, high: low)
    lago.faults = ["500"] * 7
    loaded(home, lago.url)
    assert pauses == [0.5, 1, 2, 4, 8, 16, 32]
    moment = datetime.now(UTC) + timedelta(seconds=90)
    for headers, least, most in [
        ({"X_RateLimit_Reset": "17"}, 17, 17),
        ({"Retry_After": "21", "X_RateLimit_Reset": "17"}, 21, 21),
        ({"Retry_After": format_datetime(moment, usegmt=True)}, 80, 90),
        ({"X_RateLimit_Reset": str(int(moment.timestamp()))}, 80, 90),
        ({"Retry_After": "99999"}, 300, 300),
        ({"Retry_After": "soon"}, 0.5, 0.5),
    ]:
        pauses.clear()
        lago.headers = headers
        lago.faults = ["429"]
        loaded(home, lago.url)
        (pause,) = pauses
        assert least <= pause <= most


def test_invoice_that_a_crawl_misses_is_found_by_another(
    home: Home, lago: Lago, expected: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    # The first invoice of page 3 moves to page 1 after that was read.
    body = lago.body

    def moving(path: str, query: dict[str, str]) -> Any:
        answer = body(path, query)
        if query.get("page") == "1":
            lago.invoices.insert(0, lago.invoices.pop(1000))
            monkeypatch.setattr(lago, "body", body)
        return answer

    monkeypatch.setattr(lago, "body", moving)
    result = loaded(home, lago.url)
    assert figures(home) == expected
    assert (result.read, result.superseded, result.raw) == (4844, 2422, 2422)


def test_fewer_invoices_than_lago_counts_are_an_error(home: Home, lago: Lago) -> None:
    lago.extra_count = 1
    message = failure(home, lago.url)
    assert "hold 2422 invoices, but Lago counted 2423" in message
    assert len([path for path in lago.requests if "invoices" in path]) == 10


def test_older_lago_without_billing_entities(home: Home, lago: Lago) -> None:
    lago.billing_entities = None
    (warning,) = loaded(home, lago.url).warnings
    assert "no table of billing_entities" in warning


def test_organization_without_invoices(home: Home, lago: Lago) -> None:
    lago.invoices = []
    assert loaded(home, lago.url).raw == 0


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://api.example.com", "http:// would send the API key to api.example.com"),
        ("https://user:planted@api.example.com", "must be https://HOST"),
        ("https://api.example.com?key=planted", "must be https://HOST"),
        ("https://api.example.com#planted", "must be https://HOST"),
        ("https://", "must be https://HOST"),
        ("https://h:planted", "must be https://HOST"),
        ("https://[planted", "must be https://HOST"),
    ],
)
def test_address_that_is_not_right_is_refused(home: Home, url: str, words: str) -> None:
    message = failure(home, url)
    assert words in message
    assert "planted" not in message


@pytest.mark.parametrize("url", ["http://localhost:3000", "http://[::1]:3000", "https://lago.x"])
def test_address_that_is_right(url: str) -> None:
    assert Api.at(f"{url}/api/v1/", 100, False).name == url
    assert "planted" not in repr(Api.at(url, 100, False))


def test_http_elsewhere_when_asked_for() -> None:
    assert Api.at("http://lago.internal/x/", 100, True).name == "http://lago.internal/x"


@pytest.mark.parametrize("given", ["", " ", "planted key", "plänted", "planted\nkey"])
def test_key_that_is_none_is_not_sent(
    home: Home, lago: Lago, monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    monkeypatch.setenv("LAGO_API_KEY", given)
    message = failure(home, lago.url)
    assert re.search("LAGO_API_KEY is (not set|no API key); put the API key", message)
    assert "planted" not in message
    assert lago.requests == []


def test_wrong_key_is_refused(
    home: Home, lago: Lago, monkeypatch: pytest.MonkeyPatch, harness: Harness
) -> None:
    monkeypatch.setenv("LAGO_API_KEY", "planted-wrong")
    process = harness("load", "--from", lago.url, "--debug", home=home)
    assert process.returncode == 2
    assert "refuses the key in LAGO_API_KEY: the status 401" in process.stderr
    assert "planted" not in process.stderr


def test_server_that_is_not_there(home: Home, pauses: list[float]) -> None:
    message = failure(home, "http://127.0.0.1:1")
    assert "ConnectError" in message
    assert len(pauses) == 7


def test_slow_answer_is_given_up(
    home: Home, lago: Lago, pauses: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api_module, "_TIMEOUT", httpx.Timeout(0.2))
    lago.faults = ["hang"] * 8
    assert "ReadTimeout" in failure(home, lago.url)
    assert len(pauses) == 7


def test_killed_crawl_leaves_the_current_one_and_can_be_repeated(
    home: Home, lago: Lago, expected: list[Any]
) -> None:
    first = loaded(home, "sample")
    command = [sys.executable, "-m", "harness", "load", "--from", lago.url, "--per-page", "10"]
    for requests in (1, 20, 200):
        lago.requests.clear()
        process = subprocess.Popen(
            [*command, "--home", str(home.path)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        while process.poll() is None and len(lago.requests) < requests:
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert current_load(home) == first
    loaded(home, lago.url)
    assert figures(home) == expected
    assert len(list(home.raw.parent.iterdir())) == 2
