"""Loads from an object store: moto's, on this machine."""

import gzip
import os
import shutil
import threading
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import boto3
import duckdb
import pytest
from botocore.config import Config
from conftest import CASES, Harness
from moto.server import ThreadedMotoServer

from harness.foundation.home import Home
from harness.load import origin
from harness.load.loading import Load, current_load

SECRET = "planted/secret+key"
RAW = CASES / "lago" / "raw"


class Between(ThreadingHTTPServer):
    """A server that hands all on to the store, but for what a test has put into its way."""

    def __init__(self, store: tuple[str, int]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.store = store
        self.asked: list[str] = []
        self.in_the_way: dict[str, Callable[[BaseHTTPRequestHandler, bytes], bool]] = {}
        """By the end of a path: what happens instead, unless it returns False."""

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that has gone is no error."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        server: Any = self.server
        server.asked.append(f"{self.command} {self.path}")
        onward = HTTPConnection(*server.store)
        onward.request(self.command, self.path, headers=dict(self.headers))
        answer = onward.getresponse()
        body = answer.read()
        for end, act in server.in_the_way.items():
            if self.path.partition("?")[0].endswith(end) and act(self, body):
                return
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("connection", "transfer-encoding", "date", "server"):
                self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    do_HEAD = do_GET

    def log_message(self, *_: object) -> None:
        """Nothing."""


@pytest.fixture(scope="module")
def moto() -> Iterator[tuple[str, int]]:
    server = ThreadedMotoServer("127.0.0.1", 0)
    server.start()
    host, port = server.get_host_and_port()
    yield host, port
    server.stop()


@pytest.fixture
def between(
    moto: tuple[str, int], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Between]:
    server = Between(moto)
    thread = threading.Thread(target=server.serve_forever, args=[0.05])
    thread.start()
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.server_port}",
        "AWS_ACCESS_KEY_ID": "AKIDPLANTED",
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_CONFIG_FILE": str(tmp_path / "config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials"),
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_MAX_ATTEMPTS": "2",
    }.items():
        monkeypatch.setenv(name, value)
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def client(
    moto: tuple[str, int], between: Between, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Any]:
    """A client of the store itself, with an empty bucket `exports`."""
    connection = HTTPConnection(*moto)
    connection.request("POST", "/moto-api/reset")
    assert connection.getresponse().status == 200
    connection.close()
    direct = Config(proxies={})
    store = boto3.client("s3", endpoint_url=f"http://{moto[0]}:{moto[1]}", config=direct)
    store.create_bucket(Bucket="exports")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    yield store
    store.close()


@pytest.fixture
def put(client: Any) -> Callable[..., None]:
    def upload(directory: Path, prefix: str = "lago") -> None:
        for file in directory.rglob("*"):
            if file.is_file():
                key = f"{prefix}/{file.relative_to(directory)}"
                client.upload_file(str(file), "exports", key)

    return upload


def in_parts(directory: Path) -> Path:
    """Lago's invoices as Parquet in parts, and what else a warehouse leaves beside them."""
    (directory / "invoices").mkdir(parents=True)
    with duckdb.connect() as connection:
        rows = f"read_csv('{RAW}/invoices.csv.gz', all_varchar = true, allow_quoted_nulls = false)"
        for part in range(3):
            connection.execute(
                f"copy (from {rows} where hash(id) % 3 = {part})"
                f" to '{directory}/invoices/part-{part}.parquet'"
            )
    (directory / "invoices" / "_SUCCESS").touch()
    (directory / "notes.txt").write_text("not ours")
    for table in ("organizations", "billing_entities", "customers"):
        (file,) = RAW.glob(f"{table}.csv*")
        shutil.copy(file, directory)
    return directory


def tables(home: Home) -> dict[str, list[tuple[Any, ...]]]:
    with duckdb.connect() as connection:
        return {
            file.stem: connection.execute(
                f"select * exclude (_loaded_at) from '{file}' order by all"
            ).fetchall()
            for file in sorted(home.raw.glob("*.parquet"))
        }


def counts(load: Load) -> tuple[int, ...]:
    return load.read, load.superseded, load.deleted, load.raw, load.organizations, load.customers


@pytest.mark.parametrize("given", ["as Lago's dumps", "in parts"])
def test_a_bucket_has_what_its_directory_has(
    given: str,
    put: Callable[..., None],
    between: Between,
    tmp_path: Path,
    harness_here: Harness,
) -> None:
    directory = in_parts(tmp_path / "lago") if given == "in parts" else RAW
    put(directory)
    put(CASES / "lago" / "api", "lago-old")
    here, there = Home(tmp_path / "here"), Home(tmp_path / "there")
    assert harness_here("load", "--from", directory, home=here).returncode == 0
    process = harness_here("load", "--from", "s3://exports/lago", home=there)
    assert process.returncode == 0, process.stderr
    assert tables(there) == tables(here)
    assert len(tables(there)["invoices"]) == 20_025
    original, copied = current_load(here), current_load(there)
    assert counts(copied) == counts(original)
    assert copied.files == original.files
    assert copied.source == "s3://exports/lago/"
    assert copied.warnings == [
        warning.replace(f"{directory}/", "s3://exports/lago/").replace(
            str(directory), "s3://exports/lago/"
        )
        for warning in original.warnings
    ]
    # What no table is in has a name, and is not copied.
    asked = [each for each in between.asked if "notes" in each or "_SUCCESS" in each]
    assert not asked
    assert ("notes.txt" in "".join(copied.warnings)) == (given == "in parts")


def cut(handler: BaseHTTPRequestHandler, body: bytes) -> bool:
    if handler.command == "HEAD":
        return False
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body[: len(body) // 2])
    handler.close_connection = True
    return True


def refuse(handler: BaseHTTPRequestHandler, _: bytes) -> bool:
    handler.send_response(403)
    handler.send_header("Content-Length", "0")
    handler.end_headers()
    return True


@pytest.fixture
def loaded(put: Callable[..., None], tmp_path: Path, harness_here: Harness) -> Home:
    """A home with Lago's dumps out of the bucket."""
    put(RAW)
    home = Home(tmp_path / "home")
    process = harness_here("load", "--from", "s3://exports/lago/", home=home)
    assert process.returncode == 0, process.stderr
    return home


def refused(home: Home, harness: Harness, url: str = "s3://exports/lago/") -> str:
    """What a load says that fails and leaves the last one whole."""
    before, load_id = tables(home), current_load(home).load_id
    process = harness("load", "--from", url, home=home)
    assert process.returncode == 2, process.stderr
    assert current_load(home).load_id == load_id
    assert tables(home) == before
    assert not [path for path in home.raw.parent.iterdir() if path.name.startswith(".2")]
    assert "planted" not in process.stderr
    return process.stderr.splitlines()[-1]


def test_a_fault_that_passes_is_tried_again(
    loaded: Home, between: Between, harness_here: Harness
) -> None:
    faults = iter([True])
    between.in_the_way["/invoices.csv.gz"] = lambda handler, body: (
        handler.command == "GET" and next(faults, False) and cut(handler, body)
    )
    old = current_load(loaded).load_id
    process = harness_here("load", "--from", "s3://exports/lago/", home=loaded)
    assert process.returncode == 0, process.stderr
    assert not next(faults, False)
    assert current_load(loaded).load_id != old


@pytest.mark.parametrize(
    ("fault", "words"),
    [(cut, "Max Retries Exceeded|IncompleteRead|connection"), (refuse, "Forbidden")],
)
def test_a_fault_that_stays_is_told(
    fault: Callable[[BaseHTTPRequestHandler, bytes], bool],
    words: str,
    loaded: Home,
    between: Between,
    harness_here: Harness,
) -> None:
    between.in_the_way["/invoices.csv.gz"] = fault
    said = refused(loaded, harness_here)
    assert said.startswith("error: s3://exports/lago/ cannot be copied: ")
    assert any(word in said for word in words.split("|")), said


def test_an_object_that_vanishes_or_changes_is_told(
    loaded: Home, between: Between, client: Any, harness_here: Harness
) -> None:
    def replace(handler: BaseHTTPRequestHandler, _: bytes) -> bool:
        client.put_object(Bucket="exports", Key="lago/customers.csv", Body=b"id\n1\n")
        return False

    def remove(handler: BaseHTTPRequestHandler, _: bytes) -> bool:
        client.delete_object(Bucket="exports", Key="lago/organizations.csv")
        return False

    between.in_the_way["/invoices.csv.gz"] = replace
    assert refused(loaded, harness_here) == (
        "error: s3://exports/lago/ was changed while it was copied; load again once whoever writes"
        " there has finished"
    )
    between.in_the_way["/invoices.csv.gz"] = remove
    assert "cannot be copied: An error occurred (404)" in refused(loaded, harness_here)


def test_what_is_wrong_with_a_copy_is_said_of_the_bucket(
    loaded: Home, client: Any, harness_here: Harness
) -> None:
    client.put_object(
        Bucket="exports", Key="bad/organizations.csv", Body=b"id,created_at\no,2026-01-01\n"
    )
    for content in (b"id,nothing\n1,2\n", gzip.compress(b"id\n1\n")):
        client.put_object(Bucket="exports", Key="bad/invoices.csv", Body=content)
        said = refused(loaded, harness_here, "s3://exports/bad/")
        assert said.startswith("error: s3://exports/bad/invoices.csv"), said
        assert str(loaded.path) not in said


NO_PLACES = {
    "s3://exports/none/": "s3://exports/none/ holds no object; give the bucket and directory",
    "s3://exports/lago/invoices.csv.gz": "s3://exports/lago/invoices.csv.gz/ holds no object",
    "s3://exports/lag": "s3://exports/lag/ holds no object",
    "s3://missing/lago/": "s3://missing/lago/ cannot be copied: An error occurred (NoSuchBuc",
    "s3://": "s3:// is no directory of an object store; give s3://BUCKET/DIRECTORY/",
    "s3://key:planted%2Fsecret@exports/lago/": "what follows --from s3:// is no directory",
    "s3://exports/lago/?key=1": "what follows --from s3:// is no directory",
    "gs://exports/lago/": "gs:// is not supported; give sample, a directory",
}


def test_a_place_that_is_none_is_told(loaded: Home, harness_here: Harness) -> None:
    for url, expected in NO_PLACES.items():
        assert refused(loaded, harness_here, url).startswith(f"error: {expected}")


def test_a_store_that_is_not_there_is_told(
    loaded: Home, harness_here: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    assert "Could not connect to the endpoint URL" in refused(loaded, harness_here)
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    assert "Unable to locate credentials" in refused(loaded, harness_here)
    monkeypatch.setattr(origin, "find_spec", lambda _: None)
    assert "s3:// needs boto3; install it" in refused(loaded, harness_here)


def test_a_profile_says_where_and_as_whom(
    loaded: Home, between: Between, harness_here: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    endpoint = f"http://127.0.0.1:{between.server_port}"
    for name in ("ENDPOINT_URL", "ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "DEFAULT_REGION"):
        monkeypatch.delenv(f"AWS_{name}")
    monkeypatch.setenv("AWS_PROFILE", "billing")
    Path(os.environ["AWS_CONFIG_FILE"]).write_text(
        f"[profile billing]\nendpoint_url = {endpoint}\nregion = eu-west-1\n"
    )
    Path(os.environ["AWS_SHARED_CREDENTIALS_FILE"]).write_text(
        f"[billing]\naws_access_key_id = AKIDOFPROFILE\naws_secret_access_key = {SECRET}\n"
    )
    seen = []
    between.in_the_way["/exports"] = lambda handler, _: bool(
        seen.append(handler.headers["Authorization"])
    )
    process = harness_here("load", "--from", "s3://exports/lago/", home=loaded)
    assert process.returncode == 0, process.stderr
    assert seen
    assert all("AKIDOFPROFILE" in each and "eu-west-1" in each for each in seen)


def test_an_object_with_an_odd_name_is_told(
    loaded: Home, client: Any, harness_here: Harness
) -> None:
    client.put_object(Bucket="exports", Key="odd/invoices/../../../up.csv", Body=b"id\n")
    assert refused(loaded, harness_here, "s3://exports/odd/") == (
        "error: s3://exports/odd/invoices/../../../up.csv is no name of a file; rename it"
    )
