"""Crawling a Lago's API: the rows of saved responses, whatever happens on the way."""

import json
import os
import random
import re
import signal
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
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

from harness.collection.version import published
from harness.foundation.errors import HarnessError
from harness.foundation.home import Home
from harness.load.loading import current_load
from harness.sources import http_answers
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
    monkeypatch.setattr(http_answers, "sleep", noted.append)
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
    # The last is asked for before and after the others, to see whether they have moved.
    pages = [f"/api/v1/invoices?page={page}&per_page=500" for page in range(1, 6)]
    assert lago.requests[2:4] == [pages[0], pages[4]]
    assert sorted(lago.requests[4:7]) == pages[1:4]
    assert lago.requests[7:] == [pages[4]]
    lago.requests.clear()
    loaded(home, lago.url, connections=1)
    assert figures(home) == expected
    assert lago.requests[2:] == pages


def test_published_figures_equal_those_of_saved_responses(
    api_home: Home, expected: list[Any]
) -> None:
    """The published home is of a crawl; that its figures are Lago's, test_parity.py shows."""
    assert figures(api_home) == expected
    assert published(api_home).collection().organizations
    written = [*contents(api_home.path).values(), api_home.path.with_suffix(".said").read_bytes()]
    assert not [text for text in written if b"planted" in text]


@pytest.mark.parametrize(("per_page", "connections"), [(50, 4), (500, 4), (500, 1)])
def test_faults_and_new_invoices_on_the_way_change_no_figure(
    home: Home,
    lago: Lago,
    expected: list[Any],
    pauses: list[float],
    per_page: int,
    connections: int,
) -> None:
    lago.random_faults = 0.25
    lago.created_per_request = 1
    result = loaded(home, lago.url, per_page=per_page, connections=connections)
    assert pauses
    organizations, entities, invoices = figures(home)
    assert [organizations, entities] == expected[:2]
    assert [row for row in invoices if not row[0].startswith("created-")] == expected[2]
    assert result.superseded >= 1
    # What moves on does not make a crawl incomplete whose pages come in order.
    assert connections > 1 or result.read < 2 * result.raw


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
        ("429", "the status 429"),
        ("500", "the status 500"),
        ("503", "the status 503"),
        ("drop", "RemoteProtocolError (Server disconnected*"),
        ("truncate", "RemoteProtocolError (peer closed*"),
        ("half", "an answer that is cut off"),
        ("half gzip", "an answer that is cut off"),
        ("no gzip", "an answer that is no gzip*"),
        ("empty", "an answer that is cut off"),
    ],
)
def test_fault_that_may_pass_is_tried_again_and_the_last_load_stays(
    home: Home, lago: Lago, pauses: list[float], fault: str, words: str
) -> None:
    first = loaded(home, "sample")
    lago.faults = ["slow", "slow"] + [fault] * 8
    message = failure(home, lago.url)
    words += ", after 8 tries in *; load again later"
    assert re.search(".*".join(map(re.escape, words.split("*"))), message), message
    assert "planted" not in message
    assert current_load(home) == first
    assert len(pauses) == 7
    lago.faults = ["slow", "slow"] + [fault] * 7
    assert loaded(home, lago.url).raw == 2422


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("html", "answers with text/html and no JSON: '<html>hello</html>'; is this the URL"),
        ("json", "is no API response with `{holds}`; is this the URL of a Lago?"),
        ("list", "is no API response with `{holds}`; is this the URL of a Lago?"),
        ("nan", "answers with what is no JSON in UTF-8: unexpected character"),
        ("latin", "answers with what is no JSON in UTF-8: str is not valid UTF-8"),
        ("brotli", "answers in br, though it was asked for gzip"),
        ("401", "refuses the key in LAGO_API_KEY: the status 401; give the API key"),
        ("403", "the status 403; the key lacks the permission to read {thing}; give it that"),
        ("400", "gives the status 400; is this the URL of a Lago?"),
    ],
)
@pytest.mark.parametrize(
    ("before", "holds", "thing"),
    [
        (0, "organization", "organizations"),
        (1, "billing_entities", "billing entities"),
        (2, "invoices", "invoices"),
    ],
    ids=["organizations", "billing entities", "invoices"],
)
def test_fault_that_cannot_pass_is_an_error_at_once(
    home: Home,
    lago: Lago,
    pauses: list[float],
    fault: str,
    words: str,
    before: int,
    holds: str,
    thing: str,
) -> None:
    lago.faults = ["slow"] * before + [fault]
    message = failure(home, lago.url)
    assert words.format(holds=holds, thing=thing) in message
    assert "premium" not in message
    assert "planted" not in message
    assert (pauses, len(lago.requests)) == ([], before + 1)
    assert not home.raw.exists()


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("without id", "gives an invoice without lago_id; is this the URL of a Lago?"),
        ("page", "gives page 91 where page 1 was asked for; no cache may stand before"),
    ],
)
def test_page_that_is_not_right_is_an_error_at_once(
    home: Home, lago: Lago, pauses: list[float], fault: str, words: str
) -> None:
    lago.faults = ["slow", "slow", fault]
    assert words in failure(home, lago.url)
    assert pauses == []


@pytest.mark.parametrize("before", [0, 2])
def test_place_that_is_not_there_is_an_error_at_once(
    home: Home, lago: Lago, pauses: list[float], before: int
) -> None:
    lago.faults = ["slow"] * before + ["404"]
    message = failure(home, lago.url)
    assert message.startswith(f"there is no {lago.url}/api/v1/")
    assert message.endswith("; is this the URL of a Lago?")
    assert (pauses, len(lago.requests)) == ([], before + 1)


def test_reason_that_lago_gives_for_a_refusal_is_told(
    home: Home, lago: Lago, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = "read_action_not_allowed_for_billing_entity"
    monkeypatch.setattr(lago, "refusal", json.dumps({"status": 403, "code": code}).encode())
    lago.faults = ["slow", "403"]
    assert f"the status 403 ({code}); the key lacks the permission" in failure(home, lago.url)


@pytest.mark.parametrize("fault", ["bom", "gzip"])
def test_json_in_another_dress_is_read(
    home: Home, lago: Lago, expected: list[Any], pauses: list[float], fault: str
) -> None:
    lago.faults = [fault] * 7
    loaded(home, lago.url)
    assert figures(home) == expected
    assert pauses == []


@pytest.mark.parametrize("status", ["301", "302", "307", "308"])
def test_redirect_is_not_followed_and_named(home: Home, lago: Lago, status: str) -> None:
    with running(saved(API)) as other:
        place = other.url.removeprefix("http://")
        lago.headers = {"Location": f"http://user:planted@{place}/login?token=planted"}
        lago.faults = ["slow", "slow", status]
        message = failure(home, lago.url)
        assert f"gives the status {status} and points to {other.url}/login; the key is" in message
        assert "planted" not in message
        assert other.requests == []


def test_pauses_grow_and_follow_the_server(
    home: Home, lago: Lago, pauses: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_answers, "uniform", lambda low, high: low)
    lago.faults = ["500"] * 7
    loaded(home, lago.url)
    assert pauses == [0.5, 1, 2, 4, 8, 16, 32]
    moment = datetime.now(UTC) + timedelta(seconds=90)
    for headers, least, most in [
        ({"X_RateLimit_Reset": "17"}, 17, 17),
        ({"Retry_After": "21", "X_RateLimit_Reset": "17"}, 21, 21),
        ({"Retry_After": format_datetime(moment, usegmt=True)}, 80, 90),
        ({"X_RateLimit_Reset": str(int(moment.timestamp()))}, 80, 90),
        ({"Retry_After": "599"}, 599, 599),
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


def test_an_invoice_that_moves_while_pages_are_asked_for_at_once_is_not_missed(
    home: Home, lago: Lago, expected: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Page 2 is answered after page 3, and an invoice is created in between: the last one of page 2
    # is on page 3 by then. Lago's count, which is an old one, does not tell.
    body, answered = lago.body, threading.Event()
    lago.extra_count = -50

    def created(path: str, query: dict[str, str]) -> Any:
        if query.get("page") == "2" and not answered.is_set():
            assert answered.wait(10)
            lago.invoices.insert(0, {**lago.invoices[0], "lago_id": "created"})
        answer = body(path, query)
        if query.get("page") == "3":
            answered.set()
        return answer

    monkeypatch.setattr(lago, "body", created)
    loaded(home, lago.url)
    organizations, entities, invoices = figures(home)
    assert [organizations, entities] == expected[:2]
    assert [row for row in invoices if row[0] != "created"] == expected[2]


def test_pages_that_lago_does_not_count_yet_are_read(
    home: Home, lago: Lago, expected: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    body = lago.body

    def counted_before(path: str, query: dict[str, str]) -> Any:
        answer = body(path, query)
        if "invoices" in path:
            answer["meta"] |= {"total_pages": 3, "total_count": 1500}
            if int(query["page"]) >= 3:
                answer["meta"]["next_page"] = None
        return answer

    monkeypatch.setattr(lago, "body", counted_before)
    for connections in (1, 4):
        loaded(home, lago.url, connections=connections)
        assert figures(home) == expected


def test_fewer_invoices_than_lago_counts_are_an_error(
    home: Home, lago: Lago, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Page 2 lacks one, whenever it is asked for.
    body = lago.body

    def short(path: str, query: dict[str, str]) -> Any:
        answer = body(path, query)
        if query.get("page") == "2":
            answer["invoices"].pop()
        return answer

    monkeypatch.setattr(lago, "body", short)
    message = failure(home, lago.url)
    assert "hold 2421 invoices, but Lago counted 2422" in message
    assert len([path for path in lago.requests if "invoices" in path]) == 7 + 5


def test_an_old_count_of_lago_s_is_no_failure(home: Home, lago: Lago, expected: list[Any]) -> None:
    lago.extra_count = 1
    result = loaded(home, lago.url)
    assert figures(home) == expected
    assert result.warnings == [
        "two crawls hold 2422 invoices, but Lago counted 2423; their pages are whole, so its count"
        " is old"
    ]


def test_what_one_is_told_of_too_many_requests_holds_for_all(
    lago: Lago, pauses: list[float]
) -> None:
    lago.headers = {"X_RateLimit_Reset": "17"}
    lago.faults = ["429"]
    with Api.at(lago.url, 500, insecure=False).server() as server:
        server.json("organizations", {})
        server.json("billing_entities", {})
    told, others = pauses
    assert told >= 17
    assert 0 < others <= told


def test_older_lago_without_billing_entities(home: Home, lago: Lago) -> None:
    lago.billing_entities = None
    (warning,) = loaded(home, lago.url).warnings
    assert "no table of billing_entities" in warning


def test_organization_without_invoices(home: Home, lago: Lago, pauses: list[float]) -> None:
    lago.invoices = []
    assert lago.body("/api/v1/invoices", {})["meta"] == {
        "current_page": 0,
        "next_page": None,
        "prev_page": None,
        "total_pages": 0,
        "total_count": 0,
    }
    assert (loaded(home, lago.url).raw, pauses) == (0, [])
    assert len(lago.requests) == 3


def test_organization_without_invoices_as_a_saved_page(
    home: Home, lago: Lago, tmp_path: Path
) -> None:
    lago.invoices = []
    for name, path in [("organization", "organizations"), ("invoices-page-1", "invoices")]:
        body = json.dumps(lago.body(f"/api/v1/{path}", {}))
        (tmp_path / f"{name}.json").write_text(body)
    assert loaded(home, tmp_path).raw == 0


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
        ("ftp://api.example.com", "ftp:// is not supported; give"),
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


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://127.0.0.1:1", "Connection refused; check the URL, and whether the server runs"),
        ("https://lago.invalid", "there is no host lago.invalid ("),
        ("https://lago..invalid", "https://lago..invalid/api/v1 is no URL"),
    ],
)
def test_server_that_is_not_there(
    home: Home, pauses: list[float], monkeypatch: pytest.MonkeyPatch, url: str, words: str
) -> None:
    for name in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    assert words in failure(home, url)
    assert pauses == []


def test_server_that_goes_away_may_come_back(home: Home, lago: Lago, pauses: list[float]) -> None:
    lago.faults = ["slow", "gone"]
    message = failure(home, lago.url)
    assert "invoices: " in message
    assert "Connection refused; check the URL, and whether the server runs, after 8" in message
    assert len(pauses) == 7


def test_scheme_that_is_none_of_an_api_is_refused() -> None:
    with pytest.raises(HarnessError, match="ftp:// is no way to Lago's API"):
        Api.at("ftp://lago.x", 100, False)


def test_server_that_asks_to_wait_too_long_is_given_up(
    home: Home, lago: Lago, pauses: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_answers, "uniform", lambda low, high: low)
    lago.headers = {"Retry_After": "99999"}
    lago.faults = ["429"]
    message = failure(home, lago.url)
    assert re.search(
        "the status 429, after 1 try in 0 s, and asks for 99999 s more; the longest wait is 600 s",
        message,
    )
    assert pauses == []
    # The waits add up.
    clock = [0.0]
    monkeypatch.setattr(http_answers, "monotonic", lambda: clock[0])

    def wait(seconds: float) -> None:
        pauses.append(seconds)
        clock[0] += seconds

    monkeypatch.setattr(http_answers, "sleep", wait)
    lago.headers = {"X_RateLimit_Reset": "250"}
    lago.faults = ["slow", "slow"] + ["429"] * 8
    message = failure(home, lago.url)
    assert "the status 429, after 3 tries in 500 s, and asks for 250 s more; the" in message
    assert pauses == [250, 250]


def test_slow_answer_is_given_up(
    home: Home, lago: Lago, pauses: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_answers, "_SILENCE", httpx.Timeout(0.2))
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
    lago.requests.clear()
    with home.locked():
        loaded(home, lago.url, per_page=10)
    assert len(invoice_pages(lago)) < 100
    assert figures(home) == expected
    assert len(list(home.raw.parent.iterdir())) == 2


def invoice_pages(lago: Lago) -> list[str]:
    return [path for path in lago.requests if "/invoices" in path]


def test_crawl_that_is_cut_off_is_resumed(
    home: Home, lago: Lago, expected: list[Any], pauses: list[float]
) -> None:
    # 122 pages, of which nine tenths arrive.
    with home.locked():
        lago.faults = [""] * 112 + ["400"] * 4
        with pytest.raises(HarnessError) as caught:
            loaded(home, lago.url, per_page=20)
        told = re.search(
            r"; the (\d+) pages that have arrived are kept for a day", str(caught.value)
        )
        assert told
        assert 100 <= int(told[1]) <= 112
        (facts,) = home.path.rglob("crawl.json")
        began = json.loads(facts.read_text())["began"]
        assert KEY not in facts.read_text()
    lago.requests.clear()
    lago.faults.clear()
    time.sleep(1.1)
    with home.locked():
        result = loaded(home, lago.url, per_page=20)
    assert len(invoice_pages(lago)) <= 18
    assert figures(home) == expected
    # The data are of the moment at which the first page was asked for.
    moment = datetime.fromisoformat(began)
    assert result.loaded_at == f"{moment:%Y-%m-%dT%H:%M:%SZ}"
    with duckdb.connect() as connection:
        (row,) = connection.sql(
            f"select distinct _loaded_at from '{home.raw}/invoices.parquet'"
        ).fetchall()
    assert row == (moment.replace(tzinfo=None, microsecond=0),)
    (warning,) = result.warnings
    assert warning == (
        f"resuming the crawl of {lago.url} that began {moment:%Y-%m-%d %H:%M:%S} UTC:"
        f" {told[1]} pages are already here, and the data are as of that moment; to start over,"
        f" remove {home.path}/raw/crawl"
    )
    assert not home.crawl.exists()


@pytest.mark.parametrize("connections", [1, 4])
def test_crawl_that_is_cut_off_again_and_again_misses_nothing(
    home: Home, lago: Lago, expected: list[Any], pauses: list[float], connections: int
) -> None:
    """An invoice is created with each request, and in each pause between two attempts."""
    moments = random.Random(connections)
    lago.created_per_request = 1
    with home.locked():
        for attempt in range(4):
            lago.faults = [""] * moments.randint(3, 12) + ["400"] * 4
            with pytest.raises(HarnessError, match="the status 400"):
                loaded(home, lago.url, per_page=50, connections=connections)
            lago.invoices.insert(0, lago.invoices[0] | {"lago_id": f"created-between-{attempt}"})
        lago.faults.clear()
        loaded(home, lago.url, per_page=50, connections=connections)
    organizations, entities, invoices = figures(home)
    assert [organizations, entities] == expected[:2]
    assert [row for row in invoices if not row[0].startswith("created-")] == expected[2]


@pytest.mark.parametrize("other", ["organization", "pages", "day"])
def test_another_crawl_is_not_resumed(
    home: Home, lago: Lago, expected: list[Any], pauses: list[float], other: str
) -> None:
    original = lago.organization["lago_id"]
    if other == "organization":
        lago.organization["lago_id"] = "another"
    lago.faults = ["slow"] * 6 + ["400"] * 4
    with home.locked(), pytest.raises(HarnessError, match="pages that have arrived are kept"):
        loaded(home, lago.url, per_page=20 if other == "pages" else 500)
    lago.organization["lago_id"] = original
    (facts,) = home.path.rglob("crawl.json")
    if other == "day":
        known = json.loads(facts.read_text())
        old = datetime.now(UTC) - timedelta(days=1, minutes=1)
        facts.write_text(json.dumps(known | {"began": old.isoformat()}))
    lago.faults.clear()
    lago.requests.clear()
    result = loaded(home, lago.url, per_page=500)
    assert figures(home) == expected
    assert len(invoice_pages(lago)) == 6
    (warning,) = result.warnings
    why = "is too old to resume" if other == "day" else "was another one"
    assert re.search(rf"UTC {why}: its \d+ pages are removed$", warning)
    assert abs(datetime.fromisoformat(result.loaded_at) - datetime.now(UTC)) < timedelta(minutes=5)


def test_a_crawl_that_is_unfit_as_a_whole_is_not_resumed(
    home: Home, lago: Lago, expected: list[Any]
) -> None:
    right = dict(lago.invoices[7])
    lago.invoices[7] |= {"lago_id": lago.invoices[8]["lago_id"], "updated_at": "soon"}
    assert "updated_at" in failure(home, lago.url)
    lago.invoices[7] = right
    result = loaded(home, lago.url)
    assert (result.warnings, figures(home)) == ([], expected)


def test_a_kept_page_that_is_broken_is_named(home: Home, lago: Lago, pauses: list[float]) -> None:
    lago.faults = ["slow"] * 6 + ["400"] * 4
    with pytest.raises(HarnessError):
        loaded(home, lago.url, per_page=500)
    page = home.crawl / "page-00000001.json"
    page.write_text(page.read_text()[:99])
    lago.faults.clear()
    message = failure(home, lago.url, per_page=500)
    assert f"{page} cannot be read" in message
    assert f"remove {home.crawl} to start the crawl over" in message


@pytest.mark.parametrize("fault", ["dribble", "dribbled head"])
@pytest.mark.parametrize("before", [0, 2])
def test_answer_without_end_is_given_up(
    home: Home,
    lago: Lago,
    pauses: list[float],
    monkeypatch: pytest.MonkeyPatch,
    fault: str,
    before: int,
) -> None:
    monkeypatch.setattr(http_answers, "_LONGEST_ANSWER", 0.5)
    lago.faults = ["slow"] * before + [fault]
    started = time.monotonic()
    assert "sent no whole answer within 0 s; ask for fewer" in failure(home, lago.url)
    assert time.monotonic() - started < 3
    assert pauses == []


def measured(process: subprocess.Popen[str]) -> tuple[int, int, str]:
    """The exit code of a process that ends, the most memory that it had in MB, and its errors."""
    with process:
        assert process.stderr is not None
        errors = process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode, usage.ru_maxrss // 1024, errors


def loading(home: Home, lago: Lago) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "harness", "load", "--from", lago.url]
    return subprocess.Popen(
        [*command, "--home", str(home.path)], stderr=subprocess.PIPE, text=True, cwd=home.path
    )


def test_answer_that_unpacks_without_end_is_refused_in_little_memory(
    home: Home, lago: Lago
) -> None:
    _, usual, _ = measured(loading(home, lago))
    lago.faults = ["slow", "slow", "bomb"]
    code, most, errors = measured(loading(home, lago))
    assert code == 2, errors
    assert "invoices answers with more than 64 MB; ask for fewer" in errors
    assert most < usual + 250


@pytest.mark.parametrize("fault", ["429", "dribble", "dribbled head"])
@pytest.mark.parametrize("before", [0, 2], ids=["at first", "in the crawl"])
def test_interrupted_crawl_ends_at_once(home: Home, lago: Lago, fault: str, before: int) -> None:
    lago.headers = {"Retry_After": "300"}
    lago.faults = ["slow"] * before + [fault]
    process = loading(home, lago)
    while len(lago.requests) <= before:
        assert process.poll() is None
        time.sleep(0.01)
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=2)
    assert process.returncode == 130, errors
    assert "Traceback" not in errors
    assert [path for path in home.path.glob("raw/.*") if path.is_dir()] == []


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a CA of its own, `ca.pem`, and what it signed for 127.0.0.1."""
    directory = tmp_path_factory.mktemp("certificates")
    new = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    for name, more in [
        ("ca", "-subj /CN=Ours"),
        (
            "lago",
            "-subj /CN=lago -addext subjectAltName=IP:127.0.0.1 -CA ca.pem -CAkey ca.key "
            "-addext basicConstraints=critical,CA:FALSE",
        ),
    ]:
        files = ["-out", f"{name}.pem", "-keyout", f"{name}.key"]
        subprocess.run(
            [*new, *more.split(), *files], cwd=directory, check=True, capture_output=True
        )
    return directory


@pytest.fixture
def secured(certificates: Path, key: None) -> Iterator[Lago]:
    """A Lago behind TLS, with a certificate that only a CA of its own vouches for."""
    lago = saved(API)
    lago.secured = {
        "certfile": certificates / "lago.pem",
        "keyfile": certificates / "lago.key",
    }
    with running(lago) as lago:
        yield lago


def test_certificate_of_a_ca_of_ones_own(
    home: Home,
    secured: Lago,
    certificates: Path,
    expected: list[Any],
    pauses: list[float],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    message = failure(home, secured.url)
    assert "the certificate of 127.0.0.1 is not trusted: unable to get local issuer" in message
    assert "export SSL_CERT_FILE=" in message
    assert (secured.requests, pauses) == ([], [])
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates / "ca.pem"))
    loaded(home, secured.url)
    assert figures(home) == expected
    # It vouches for the address alone.
    message = failure(home, secured.url.replace("127.0.0.1", "localhost"))
    assert "the certificate of localhost is not trusted: Hostname mismatch" in message
    assert pauses == []


def test_file_of_cas_that_is_none_is_named(
    home: Home, secured: Lago, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "odd.pem").write_text("no certificate")
    for name in ("odd.pem", "missing.pem"):
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / name))
        assert "SSL_CERT_FILE or SSL_CERT_DIR names no certificates (" in failure(home, secured.url)


def test_tls_is_not_spoken_there(home: Home, lago: Lago, pauses: list[float]) -> None:
    message = failure(home, lago.url.replace("http://", "https://"))
    assert "127.0.0.1 does not speak TLS as expected (" in message
    assert pauses == []


@contextmanager
def listening() -> Iterator[tuple[str, list[bytes]]]:
    """A proxy that hears what it is asked first, and refuses."""
    heard: list[bytes] = []

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            heard.append(self.request.recv(65536))
            self.request.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}", heard
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("name", ["http_proxy", "https_proxy", "all_proxy", "ALL_PROXY"])
def test_key_goes_to_no_proxy(
    home: Home,
    lago: Lago,
    secured: Lago,
    certificates: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates / "ca.pem"))
    with listening() as (proxy, heard):
        monkeypatch.setenv(name, proxy)
        for url in (lago.url, secured.url):
            assert loaded(home, url).raw == 2422
        assert "no host lago.invalid" in failure(home, "http://lago.invalid", insecure=True)
        assert heard == []
        message = failure(home, "https://lago.invalid")
        if name == "http_proxy":
            assert "no host lago.invalid" in message
            assert heard == []
        else:
            assert "the proxy of HTTPS_PROXY or ALL_PROXY refuses (403 Forbidden)" in message
            assert heard[0].startswith(b"CONNECT lago.invalid:443 ")
            assert b"planted" not in heard[0]
            assert len(heard) == 1


def test_proxy_that_is_none_is_named(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    for proxy in ("socks5://127.0.0.1:1", "odd://planted"):
        monkeypatch.setenv("HTTPS_PROXY", proxy)
        message = failure(home, "https://lago.invalid")
        assert "HTTPS_PROXY or ALL_PROXY names no proxy that can be used; give http://" in message
        assert "planted" not in message
