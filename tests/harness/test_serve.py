"""The HTTP API in-process: keys, answers, headers, errors, versions."""

import asyncio
import base64
import json
import os
import re
import shutil
import socket
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import pytest
from conftest import copied
from jsonschema import Draft202012Validator

from harness.api import messages, serve, versions
from harness.api.keys import add_key, read_keys, revoke_key
from harness.api.messages import Application
from harness.api.serve import application
from harness.collection import contract
from harness.collection.answers import PATH, answer
from harness.collection.collection import Collection, Organization, Row
from harness.collection.version import published
from harness.foundation.errors import HarnessError
from harness.foundation.home import Home

QUILLFERN = "11bedd82-2ba9-473b-b755-d9bca18f55be"
MAPLESTRAND = "72e2286b-2d17-433d-99b3-ce624b5dcaf3"
EXTRA_CURRENCIES = {"BHD", "IRR", "JOD", "KWD"}

UNAUTHORIZED = {"status": 401, "error": "Unauthorized"}


@dataclass(frozen=True)
class Reply:
    """What the application sent; names of headers in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def ask(
    app: Application,
    target: str = PATH,
    headers: Iterable[tuple[bytes, bytes]] = (),
    method: str = "GET",
) -> Reply:
    """One request, as the web server hands it over."""
    path, _, query = target.partition("?")
    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": method,
        "path": unquote(path),
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": query.encode(),
        "headers": list(headers),
        "client": ("192.0.2.7", 4711),
    }
    sent: list[Any] = []

    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        sent.append(message)

    asyncio.run(app(scope, receive, send))
    start, *bodies = sent
    names = [name.decode() for name, _ in start["headers"]]
    assert len(names) == len(set(names))
    return Reply(
        start["status"],
        {name.decode(): value.decode() for name, value in start["headers"]},
        b"".join(each["body"] for each in bodies),
    )


def bearer(key: str) -> list[tuple[bytes, bytes]]:
    return [(b"authorization", f"Bearer {key}".encode())]


def link_to(source: Home, path: Path) -> Home:
    """A home of its own keys that shows the published versions of another."""
    path.mkdir(exist_ok=True)
    (path / "published").symlink_to(source.published)
    return Home(path)


@pytest.fixture
def home(sample_home: Home, tmp_path: Path) -> Home:
    return link_to(sample_home, tmp_path / "home")


@pytest.fixture
def key(home: Home) -> str:
    return add_key(home, QUILLFERN, None)


@pytest.fixture
def app(home: Home) -> Application:
    return application(home)


# Keys


def attempts(key: str, revoked: str) -> dict[str, list[bytes]]:
    """Values of the header that are not one known key; two values are two headers."""
    good = f"Bearer {key}"
    values: dict[str, list[str | bytes]] = {
        "missing": [],
        "empty": [""],
        "blank": [" "],
        "key alone": [key],
        "scheme alone": ["Bearer"],
        "scheme and space": ["Bearer "],
        "no space": [f"Bearer{key}"],
        "two spaces": [f"Bearer  {key}"],
        "tab": [f"Bearer\t{key}"],
        "space and tab": [f"Bearer \t{key}"],
        "leading space": [f" {good}"],
        "trailing space": [f"{good} "],
        "trailing tab": [f"{good}\t"],
        "trailing newline": [f"{good}\n"],
        "folded": [f"Bearer\r\n {key}"],
        "extra word": [f"{good} extra"],
        "comma": [f"{good},"],
        "two in one": [f"{good}, {good}"],
        "same key twice": [good, good],
        "unknown key, then the key": ["Bearer lic_unknown", good],
        "the key, then another scheme": [good, "Basic eDp5"],
        "the key, then empty": [good, ""],
        "colon": [f"Bearer: {key}"],
        "equals": [f"Bearer={key}"],
        "token parameter": [f'Bearer token="{key}"'],
        "double quotes": [f'Bearer "{key}"'],
        "single quotes": [f"Bearer '{key}'"],
        "angle brackets": [f"Bearer <{key}>"],
        "NUL behind": [f"{good}\0"],
        "NUL before": [f"Bearer \0{key}"],
        "non-ASCII letter behind": [good.encode() + b"\xe9"],
        "non-ASCII space": [b"Bearer\xc2\xa0" + key.encode()],
        "full-width letter": [f"\uff22earer {key}".encode()],
        "Cyrillic letter": [f"B\u0435arer {key}".encode()],
        "UTF-16": [good.encode("utf-16")],
        "prefix of the key": [good[:-1]],
        "first half of the key": [good[:30]],
        "key and a letter": [f"{good}x"],
        "key and padding": [f"{good}="],
        "key without its first part": [f"Bearer {key.removeprefix('lic_')}"],
        "key in upper case": [f"Bearer {key.upper()}"],
        "key in lower case": [f"Bearer {key.lower()}"],
        "key reversed": [f"Bearer {key[::-1]}"],
        "key percent-encoded": [f"Bearer %6C{key[1:]}"],
        "key in base64": [f"Bearer {base64.b64encode(key.encode()).decode()}"],
        "unknown key": ["Bearer lic_unknown"],
        "revoked key": [f"Bearer {revoked}"],
        "id of an organization": [f"Bearer {QUILLFERN}"],
        "null": ["Bearer null"],
        "undefined": ["Bearer undefined"],
        "star": ["Bearer *"],
        "very long": ["Bearer " + "a" * 100_000],
        "Basic, key as user": ["Basic " + base64.b64encode(f"{key}:".encode()).decode()],
        "Basic, key as password": ["Basic " + base64.b64encode(f":{key}".encode()).decode()],
        "Token": [f"Token {key}"],
        "Digest": [f'Digest username="{key}"'],
        "Negotiate": [f"Negotiate {key}"],
        "ApiKey": [f"ApiKey {key}"],
        "Bearers": [f"Bearers {key}"],
        "xBearer": [f"xBearer {key}"],
        "Bearer twice": [f"Bearer {good}"],
    }
    return {
        name: [each if isinstance(each, bytes) else each.encode() for each in given]
        for name, given in values.items()
    }


@pytest.mark.parametrize("name", attempts("lic_x", "lic_y"))
def test_nothing_but_one_known_bearer_key_gets_in(name: str, home: Home, key: str) -> None:
    revoked = add_key(home, QUILLFERN, None)
    app = application(home)
    assert ask(app, headers=bearer(revoked)).status == 200
    revoke_key(home, read_keys(home)[-1].id)
    given = attempts(key, revoked)[name]
    for method in ("GET", "HEAD"):
        for query in ("", "?months=x", "?billing_entity_code=none"):
            reply = ask(app, PATH + query, [(b"authorization", each) for each in given], method)
            assert reply.status == 401
            assert reply.json == UNAUTHORIZED
            assert reply.headers["www-authenticate"] == "Bearer"
            assert reply.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    "place",
    [
        ("access_token={}", []),
        ("api_key={}", []),
        ("authorization=Bearer%20{}", []),
        ("", [(b"x-api-key", b"{}")]),
        ("", [(b"proxy-authorization", b"Bearer {}")]),
        ("", [(b"x-authorization", b"Bearer {}")]),
        ("", [(b"cookie", b"authorization=Bearer {}")]),
    ],
    ids=lambda place: place[0] or place[1][0][0].decode(),
)
def test_a_key_elsewhere_does_not_get_in(
    place: tuple[str, list[tuple[bytes, bytes]]], app: Application, key: str
) -> None:
    query, headers = place
    headers = [(name, value.replace(b"{}", key.encode())) for name, value in headers]
    reply = ask(app, f"{PATH}?{query.format(key)}", headers)
    assert (reply.status, reply.json) == (401, UNAUTHORIZED)


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "bEaReR"])
def test_the_scheme_is_taken_in_any_letter_case(scheme: str, app: Application, key: str) -> None:
    assert ask(app, headers=[(b"authorization", f"{scheme} {key}".encode())]).status == 200


def test_without_any_key_nobody_gets_in(app: Application) -> None:
    assert ask(app, headers=bearer("lic_any")).status == 401
    assert ask(app).status == 401


def test_keys_count_from_the_moment_they_are_added_or_revoked(home: Home, app: Application) -> None:
    first = add_key(home, QUILLFERN, None)
    assert ask(app, headers=bearer(first)).status == 200
    second = add_key(home, MAPLESTRAND, None)
    assert ask(app, headers=bearer(second)).status == 200
    revoke_key(home, read_keys(home)[0].id)
    assert ask(app, headers=bearer(first)).status == 401
    assert ask(app, headers=bearer(second)).status == 200
    home.keys.unlink()
    assert ask(app, headers=bearer(second)).status == 401


def test_a_damaged_key_file_lets_nobody_in(
    home: Home, app: Application, key: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert ask(app, headers=bearer(key)).status == 200
    home.keys.write_text("{")
    reply = ask(app, headers=bearer(key))
    assert (reply.status, reply.json["code"]) == (503, "home_unreadable")
    assert str(home.keys) in capfd.readouterr().err


def test_a_key_sees_its_own_organization_only(home: Home, app: Application) -> None:
    collection = published(home).collection()
    bodies = set()
    for id_, organization in collection.organizations.items():
        headers = bearer(add_key(home, id_, None))
        for query in ("", "?months=3", "?currency=eur", "?billing_entity_code=default"):
            reply = ask(app, PATH + query, headers)
            assert reply.body == answer(collection, organization, PATH + query).body
            bodies.add(reply.body)
    assert len(bodies) == 8
    # London is a billing entity of the other organization.
    others = bearer(add_key(home, MAPLESTRAND, None))
    reply = ask(app, f"{PATH}?billing_entity_code=london", others)
    assert (reply.status, reply.json["code"]) == (404, "billing_entity_not_found")


def test_a_key_of_an_organization_that_is_no_longer_published(home: Home, app: Application) -> None:
    reply = ask(app, headers=bearer(add_key(home, "gone", None)))
    assert reply.status == 404
    assert reply.json == {"status": 404, "error": "Not Found", "code": "organization_not_found"}


# Answers, as the contract and our document have them


def contract_validator(schema: str) -> Draft202012Validator:
    """Of a schema of Lago's own contract."""
    facts = json.loads((Path(contract.__file__).parent / "contract.json").read_text())
    return Draft202012Validator(
        {"$ref": f"#/components/schemas/{schema}", "components": facts["components"]}
    )


def violations(body: Any) -> set[tuple[str, object]]:
    """What in a 200 breaks the contract: the name of the field, and its value."""
    return {
        (str(error.absolute_path[-1]), error.instance)
        for error in contract_validator("InvoiceCollections").iter_errors(body)
    }


def test_every_answer_conforms_to_the_contract_but_for_currencies_it_lacks(
    sample_home: Home, lago_home: Home, api_home: Home, tmp_path: Path
) -> None:
    found = set()
    rows = 0
    for number, source in enumerate((sample_home, lago_home, api_home)):
        home = link_to(source, tmp_path / str(number))
        app = application(home)
        collection = published(home).collection()
        for id_, organization in collection.organizations.items():
            headers = bearer(add_key(home, id_, None))
            queries = ["", "?months=1", "?months=-3", "?currency=kwd", "?currency=USD&months=6"]
            queries += [f"?billing_entity_code={code}" for code in organization.billing_entities]
            for query in queries:
                reply = ask(app, PATH + query, headers)
                assert reply.status == 200
                assert contract.body_violations(reply.json) == []
                found |= violations(reply.json)
                rows += len(reply.json["invoice_collections"])
        refused = ask(app).json
        assert list(contract_validator("ApiErrorUnauthorized").iter_errors(refused)) == []
    assert found == {("currency", "KWD")}
    assert rows > 1000


def test_of_all_currencies_four_are_outside_the_contract() -> None:
    codes = contract.document()["components"]["schemas"]["Currency"]["enum"]
    month = date(2026, 1, 1)
    rows = tuple(Row(month, "pending", code, 1, -5) for code in codes)
    organization = Organization("x", None, (month,), rows, (), {})
    collection = Collection(month, {"x": organization}, dict.fromkeys(codes, 100))
    body = json.loads(answer(collection, organization, PATH).body)
    assert violations(body) == {("currency", code) for code in EXTRA_CURRENCIES}


def test_a_broken_body_would_be_found() -> None:
    row = {"month": "2026-01", "invoices_count": 1.5, "payment_status": None}
    assert len(violations({"invoice_collections": [row]})) == 2
    assert list(contract_validator("ApiErrorUnauthorized").iter_errors({"status": 401})) != []


@pytest.mark.parametrize(
    ("query", "same_as"),
    [
        ("?currency=&months=&billing_entity_code=", ""),
        ("?currency", ""),
        ("?unknown=1", ""),
        ("?months=0", "?months=1"),
        ("?months=99999999999999999999", ""),
        ("?months=2&months=3", "?months=3"),
        ("?months=2&months=", ""),
        ("?currency=%45ur", "?currency=EUR"),
        ("?%6Donths=2", "?months=2"),
    ],
)
def test_queries_that_mean_the_same(query: str, same_as: str, app: Application, key: str) -> None:
    reply = ask(app, PATH + query, bearer(key))
    assert reply.status == 200
    assert reply.body == ask(app, PATH + same_as, bearer(key)).body


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("?currency=%20", ["currency"]),
        ("?months=%20", ["months"]),
        ("?months=%2B1", ["months"]),
        ("?months=1.0", ["months"]),
        ("?months=%D9%A1", ["months"]),
        ("?currency=XXX", ["currency"]),
        ("?currency=%FF%FE&months=%00", ["currency", "months"]),
        ("?currency=EUR%00", ["currency"]),
    ],
)
def test_values_that_cannot_be_understood(
    query: str, names: list[str], app: Application, key: str
) -> None:
    reply = ask(app, PATH + query, bearer(key))
    assert reply.status == 422
    assert reply.json == {
        "status": 422,
        "error": "Unprocessable Entity",
        "code": "validation_errors",
        "error_details": {name: ["value_is_invalid"] for name in names},
    }


# Headers and caching


def test_the_headers_of_an_answer(app: Application, key: str) -> None:
    reply = ask(app, headers=bearer(key))
    assert re.fullmatch('"[0-9a-f]{32}"', reply.headers.pop("etag"))
    assert reply.headers == {
        "content-type": "application/json",
        "content-length": str(len(reply.body)),
        "cache-control": "private",
        "vary": "Authorization",
        "x-as-of": "2026-06-17",
    }


@pytest.mark.parametrize(
    "match",
    ["{}", "W/{}", '"other", {}', '"other",W/{} , "third"', "*", " * ", '"a,b", {}'],
)
def test_a_body_that_is_known_is_not_sent_again(match: str, app: Application, key: str) -> None:
    full = ask(app, headers=bearer(key))
    value = match.replace("{}", full.headers["etag"]).encode()
    for method in ("GET", "HEAD"):
        reply = ask(app, headers=[*bearer(key), (b"if-none-match", value)], method=method)
        assert (reply.status, reply.body) == (304, b"")
        for name in ("etag", "x-as-of", "cache-control", "vary"):
            assert reply.headers[name] == full.headers[name]
        assert "content-length" not in reply.headers


def test_a_match_may_be_spread_over_two_headers(app: Application, key: str) -> None:
    etag = ask(app, headers=bearer(key)).headers["etag"].encode()
    both = [(b"if-none-match", b'"other"'), (b"if-none-match", etag)]
    assert ask(app, headers=[*bearer(key), *both]).status == 304


@pytest.mark.parametrize("match", ["", '"other"', "etag", "{}x", "x{}", "w/{}", "*, *"])
def test_a_body_that_is_not_known_is_sent(match: str, app: Application, key: str) -> None:
    etag = ask(app, headers=bearer(key)).headers["etag"]
    value = match.replace("{}", etag).encode()
    assert ask(app, headers=[*bearer(key), (b"if-none-match", value)]).status == 200


@pytest.mark.parametrize("query", ["?months=x", "?billing_entity_code=none"])
def test_an_error_is_never_unchanged(query: str, app: Application, key: str) -> None:
    reply = ask(app, PATH + query, [*bearer(key), (b"if-none-match", b"*")])
    assert reply.status in (404, 422)
    assert "etag" not in reply.headers
    assert reply.headers["x-as-of"] == "2026-06-17"


def test_etags_tell_organizations_and_queries_apart(home: Home, app: Application, key: str) -> None:
    other = add_key(home, MAPLESTRAND, None)
    etags = [
        ask(app, PATH + query, bearer(each)).headers["etag"]
        for each in (key, other)
        for query in ("", "?months=2", "?currency=EUR")
    ]
    assert len(set(etags)) == 6
    assert ask(app, headers=bearer(key)).headers["etag"] == etags[0]


def test_head_has_the_headers_of_get(app: Application, key: str) -> None:
    for query in ("", "?months=1", "?months=x"):
        get = ask(app, PATH + query, bearer(key))
        head = ask(app, PATH + query, bearer(key), "HEAD")
        assert (head.status, head.headers) == (get.status, get.headers)


# Errors


@pytest.mark.parametrize(
    "path",
    ["/", "/api/v1", PATH + "/", PATH + "s", "/api/v1/analytics/gross_revenue", "/health/", "//"],
)
def test_other_paths_are_not_found(path: str, app: Application, key: str) -> None:
    for method in ("GET", "POST"):
        reply = ask(app, path, bearer(key), method)
        assert reply.status == 404
        assert reply.json == {"status": 404, "error": "Not Found", "code": "not_found"}
        assert reply.headers["content-type"] == "application/json"


@pytest.mark.parametrize("path", [PATH, "/health", "/openapi.json"])
@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "FROB"])
def test_other_methods_are_not_allowed(method: str, path: str, app: Application, key: str) -> None:
    reply = ask(app, path, bearer(key), method)
    assert reply.status == 405
    assert reply.headers["allow"] == "GET, HEAD"
    assert reply.json == {
        "status": 405,
        "error": "Method Not Allowed",
        "code": "method_not_allowed",
    }


def test_an_answer_is_of_its_path_alone(sample_home: Home) -> None:
    version = versions._Version(published(sample_home))
    headers = {"query_string": b"", "headers": []}
    report = version.respond(QUILLFERN, {"path": PATH, **headers})
    assert report.status_code == 200
    assert version.respond(QUILLFERN, {"path": f"{PATH}s", **headers}).status_code == 404
    assert version.respond(QUILLFERN, {"path": PATH, **headers}) is report


def test_a_failure_shows_no_internals(
    app: Application, key: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("the secret of the house")

    monkeypatch.setattr(versions, "answer_to", fail)
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "GET", "path": PATH, "raw_path": PATH.encode()}
    scope |= {"query_string": b"", "headers": bearer(key), "client": None, "root_path": ""}
    with pytest.raises(RuntimeError):  # raised for the log of the web server, once answered
        asyncio.run(app(scope, None, send))
    start, body = sent
    assert start["status"] == 500
    assert json.loads(body["body"]) == {
        "status": 500,
        "error": "Internal Server Error",
        "code": "internal_error",
    }
    assert capfd.readouterr().err.endswith(f" - GET {PATH} 500\n")


# Health and document


def test_health_needs_no_key(home: Home, app: Application) -> None:
    manifest = published(home).manifest
    reply = ask(app, "/health")
    assert reply.status == 200
    health = reply.json
    assert health == {
        "status": "ok",
        "version": manifest["version"],
        "as_of_date": "2026-06-17",
        "published_at": manifest["published_at"],
        "loaded_at": manifest["load"]["loaded_at"],
        "sample": True,
        "stale": health["stale"],
        "data_faults": sum(
            each["invoices_count"] for each in manifest["exclusions"] if each["is_data_fault"]
        ),
    }
    assert health["data_faults"] > 0


@pytest.mark.parametrize(
    ("moment", "stale"),
    [
        (datetime(2026, 6, 17, tzinfo=UTC), False),
        (datetime(2026, 6, 30, 23, 59, 59, tzinfo=UTC), False),
        (datetime(2026, 7, 1, tzinfo=UTC), True),
        (datetime(2027, 1, 1, tzinfo=UTC), True),
        (datetime(2026, 5, 1, tzinfo=UTC), False),
    ],
)
def test_health_is_stale_once_a_month_has_begun(
    moment: datetime, stale: bool, app: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(versions, "now", lambda: moment)
    assert ask(app, "/health").json["stale"] is stale


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("", 200),
        ("fresh_within=", 200),
        ("fresh_within=36h", 200),
        ("fresh_within=2161m", 200),
        ("fresh_within=2d", 200),
        ("fresh_within=2159m", 503),
        ("fresh_within=35h", 503),
        ("fresh_within=1d", 503),
        ("fresh_within=1d&fresh_within=2d", 200),
    ],
)
def test_health_is_503_where_the_load_is_older_than_asked_for(
    query: str, status: int, home: Home, app: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = datetime.fromisoformat(published(home).manifest["load"]["loaded_at"])
    monkeypatch.setattr(versions, "now", lambda: loaded + timedelta(hours=36))
    reply = ask(app, f"/health?{query}")
    assert reply.status == status
    assert reply.json == ask(app, "/health").json
    assert reply.json["status"] == "ok"


@pytest.mark.parametrize("span", ["0h", "36", "h", "-1d", "1.5h", "36H", "1w", "999999d", "٣h"])
def test_health_names_a_time_span_that_is_none(span: str, app: Application) -> None:
    reply = ask(app, f"/health?fresh_within={quote(span)}")
    assert reply.status == 422
    assert reply.json["error_details"] == {"fresh_within": ["value_is_invalid"]}


def test_where_the_whole_home_is_gone_no_key_is_wrong(sample_home: Home, tmp_path: Path) -> None:
    home = copied(sample_home, tmp_path / "home")
    headers = bearer(add_key(home, QUILLFERN, None))
    app = application(home)
    assert ask(app, PATH, headers).status == 200
    home.path.rename(tmp_path / "elsewhere")
    reply = ask(app, PATH, headers)
    assert (reply.status, reply.json["code"]) == (503, "home_unreadable")
    (tmp_path / "elsewhere").rename(home.path)
    assert ask(app, PATH, headers).status == 200


def test_where_nothing_is_published_there_is_no_answer_until_it_is(
    sample_home: Home, tmp_path: Path
) -> None:
    home = Home(tmp_path / "home")
    home.make()
    app = application(home)
    headers = bearer(add_key(home, QUILLFERN, None))
    assert ask(app).status == 401
    for path in (PATH, "/health"):
        reply = ask(app, path, headers)
        assert reply.status == 503
        assert reply.json == {
            "status": 503,
            "error": "Service Unavailable",
            "code": "nothing_published",
        }
    link_to(sample_home, home.path)
    assert ask(app, headers=headers).status == 200
    assert ask(app, "/health").status == 200


def test_the_document_is_served(app: Application) -> None:
    reply = ask(app, "/openapi.json")
    assert reply.headers["content-type"] == "application/json"
    assert reply.json == contract.document()


# Versions


def copy_version(home: Home, version: Path, name: str) -> Path:
    """Another version with the same figures; it is not made the current one."""
    other = home.published / name
    shutil.copytree(version, other)
    manifest = json.loads((other / "manifest.json").read_text())
    (other / "manifest.json").write_text(json.dumps(manifest | {"version": name}))
    return other


def point_to(home: Home, name: str) -> None:
    (home.published / "new").symlink_to(name)
    (home.published / "new").replace(home.published / "current")


@pytest.fixture
def two_versions(sample_home: Home, tmp_path: Path) -> tuple[Home, str, str]:
    home = Home(tmp_path / "home")
    first = published(sample_home).path
    copy_version(home, first, first.name)
    copy_version(home, first, "29990101T000000Z-ffffffff")
    point_to(home, first.name)
    return home, first.name, "29990101T000000Z-ffffffff"


def test_another_version_is_picked_up_at_once_and_back(two_versions: tuple[Home, str, str]) -> None:
    home, first, second = two_versions
    app = application(home)
    headers = bearer(add_key(home, QUILLFERN, None))
    etags = []
    for version in (first, second, first):
        point_to(home, version)
        assert ask(app, "/health").json["version"] == version
        etags.append(ask(app, headers=headers).headers["etag"])
    # The answers are the same, and so are their ETags.
    assert len(set(etags)) == 1


def test_a_version_that_cannot_be_read_leaves_the_one_before(
    two_versions: tuple[Home, str, str],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    home, first, second = two_versions
    app = application(home)
    assert ask(app, "/health").json["version"] == first
    database = home.published / second / "invoice_collection.duckdb"
    content = database.read_bytes()
    database.write_bytes(content[:5000])
    point_to(home, second)
    for _ in range(3):
        assert ask(app, "/health").json["version"] == first
    assert capfd.readouterr().err.count("keeping the version before") == 1
    # It is tried again, but not at every request.
    monkeypatch.setattr(versions, "_SECONDS_TO_RETRY", 0.0)
    database.write_bytes(content)
    point_to(home, first)
    assert ask(app, "/health").json["version"] == first
    point_to(home, second)
    assert wait_for_version(app, second)


def wait_for_version(app: Application, version: str) -> bool:
    for _ in range(200):
        if ask(app, "/health").json["version"] == version:
            return True
        asyncio.run(asyncio.sleep(0.05))
    return False


def unreadable(reply: Reply) -> bool:
    wanted = {"status": 503, "error": "Service Unavailable", "code": "home_unreadable"}
    return (reply.status, reply.json) == (503, wanted)


def test_a_first_version_that_cannot_be_read_is_named_in_the_log(
    two_versions: tuple[Home, str, str], capfd: pytest.CaptureFixture[str]
) -> None:
    home, first, _ = two_versions
    (home.published / first / "invoice_collection.duckdb").write_bytes(b"")
    app = application(home)
    assert unreadable(ask(app, "/health"))
    assert unreadable(ask(app, headers=bearer(add_key(home, QUILLFERN, None))))
    assert "no version can be served" in capfd.readouterr().err


@pytest.mark.parametrize("in_the_way", ["file", "directory", "dangling", "published is a file"])
def test_a_home_that_is_not_as_we_leave_it_is_named_in_the_log_until_it_is_mended(
    in_the_way: str, two_versions: tuple[Home, str, str], capfd: pytest.CaptureFixture[str]
) -> None:
    home, first, _ = two_versions
    app = application(home)
    link, kept = home.published / "current", home.path / "kept"
    if in_the_way == "published is a file":
        home.published.rename(kept)
        home.published.write_text("")
    else:
        link.unlink()
    if in_the_way == "file":
        link.write_text(first)
    elif in_the_way == "directory":
        shutil.copytree(home.published / first, link)
    elif in_the_way == "dangling":
        link.symlink_to("20200101T000000Z-gone")
    assert unreadable(ask(app, "/health"))
    log = capfd.readouterr().err
    assert str(home.published) in log
    assert {"dangling": "is not there", "published is a file": "is a file"}.get(
        in_the_way, "must be a symlink"
    ) in log
    if in_the_way == "published is a file":
        home.published.unlink()
        kept.rename(home.published)
    else:
        shutil.rmtree(link) if in_the_way == "directory" else link.unlink()
        link.symlink_to(first)
    assert ask(app, "/health").json["version"] == first


def test_rows_are_read_once_per_version(
    two_versions: tuple[Home, str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    home, first, second = two_versions
    app = application(home)
    headers = bearer(add_key(home, QUILLFERN, None))
    loads = []

    def counted(home: Home) -> Any:
        loads.append(os.readlink(home.published / "current"))
        return published(home)

    monkeypatch.setattr(versions, "published", counted)
    for version in (first, second):
        point_to(home, version)
        for months in range(5):
            assert ask(app, f"{PATH}?months={months}", headers).status == 200
    assert loads == [first, second]


def test_requests_at_once_load_a_version_once(
    two_versions: tuple[Home, str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    home, first, second = two_versions
    app = application(home)
    loads = []

    def counted(home: Home) -> Any:
        loads.append(home)
        return published(home)

    monkeypatch.setattr(versions, "published", counted)
    seen = []

    async def health() -> None:
        async def send(message: Any) -> None:
            if message["type"] == "http.response.body":
                seen.append(json.loads(message["body"])["version"])

        scope = {"type": "http", "method": "GET", "path": "/health", "raw_path": b"/health"}
        scope |= {"query_string": b"", "headers": [], "client": None, "root_path": ""}
        await app(scope, None, send)

    async def many() -> None:
        await asyncio.gather(*(health() for _ in range(20)))
        point_to(home, second)
        await asyncio.gather(*(health() for _ in range(20)))

    asyncio.run(many())
    assert len(loads) == 2
    assert seen == [first] * 20 + [second] * 20


def test_answers_are_kept_within_bounds(
    app: Application, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(versions, "_ANSWERS_KEPT", 5)
    body = ask(app, headers=bearer(key)).body
    for number in range(50):
        assert ask(app, f"{PATH}?unknown={number}", bearer(key)).body == body


# The log


def test_a_line_per_request_shows_no_key_and_no_query(
    app: Application, key: str, capfd: pytest.CaptureFixture[str]
) -> None:
    ask(app, f"{PATH}?months=2&api_key={key}", bearer(key))
    ask(app, f"{PATH}?months=x", bearer(key), "HEAD")
    ask(app, f"{PATH}?api_key={key}")
    ask(app, f"/{key}/x%0A", bearer(key))
    ask(app, "/" + "x" * 500, bearer(key), "POST")
    ask(app, "/health")
    output = capfd.readouterr()
    lines = [line.split(" ", 1)[1] for line in output.err.splitlines()]
    assert lines == [
        f"192.0.2.7 GET {PATH} 200",
        f"192.0.2.7 HEAD {PATH} 422",
        f"192.0.2.7 GET {PATH} 401",
        "192.0.2.7 GET /lic_.../x%0A 404",
        "192.0.2.7 POST /" + "x" * 199 + " 404",
        "192.0.2.7 GET /health 200",
    ]
    assert key[4:] not in output.err
    assert output.out == ""


def test_a_log_that_cannot_be_written_stops_no_answer(
    app: Application, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Full:
        def write(self, _text: str) -> None:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(messages.sys, "stderr", Full())
    assert ask(app, headers=bearer(key)).status == 200


# The socket


def test_a_port_in_use_is_a_clear_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(HarnessError) as caught:
            serve._listen("127.0.0.1", port)
    assert str(caught.value) == (
        f"cannot listen on 127.0.0.1, port {port}: Address already in use;"
        " give another --port or --host"
    )


def test_connections_do_not_wait_to_fill_packets() -> None:
    with (
        serve._listen("127.0.0.1", 0) as listener,
        socket.create_connection(listener.getsockname()),
    ):
        connection, _ = listener.accept()
        with connection:
            assert connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
