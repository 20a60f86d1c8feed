"""The server as a process of its own on a real socket: clients, robustness, its start and end."""

import contextlib
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from conftest import Harness
from lago_python_client.client import Client
from lago_python_client.exceptions import LagoApiError

from harness.api.keys import add_key
from harness.collection.answers import PATH, answer
from harness.collection.version import published
from harness.foundation.home import Home

QUILLFERN = "11bedd82-2ba9-473b-b755-d9bca18f55be"
JAVASCRIPT = Path(__file__).parents[2] / "target" / "javascript"

# The limit that the server has in these tests, and what a busy machine may add to it.
SECONDS_PER_REQUEST = 2.0
PATIENCE = 30.0

# How many cases each of two runs of schemathesis makes per operation that has parameters.
CASES = int(os.environ.get("SCHEMATHESIS_CASES", "100"))

SERVE = """
import sys
from pathlib import Path
from harness.api import protocol, serve
from harness.foundation.home import Home

protocol.SECONDS_PER_REQUEST = float(sys.argv[2])
serve.serve(Home(Path(sys.argv[1])), "127.0.0.1", 0)
"""


@dataclass(frozen=True)
class Server:
    """A running server, with a key that it knows."""

    process: subprocess.Popen[bytes]
    home: Home
    port: int
    key: str
    log: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ask(self, target: str = PATH, method: str = "GET", key: str | None = None) -> Any:
        """Status, headers and body of one request on a connection of its own."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        try:
            headers = {"Authorization": f"Bearer {key or self.key}"}
            connection.request(method, target, headers=headers)
            response = connection.getresponse()
            return response.status, dict(response.getheaders()), response.read()
        finally:
            connection.close()

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)

    def memory(self) -> int:
        """Bytes that the process holds in memory."""
        pages = Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]
        return int(pages) * os.sysconf("SC_PAGE_SIZE")

    @property
    def head(self) -> bytes:
        """A request without the empty line that ends its headers."""
        return (
            f"GET {PATH}?months=1 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {self.key}\r\n"
        ).encode()


@contextlib.contextmanager
def serving(
    home: Home,
    log: Path,
    seconds: float = SECONDS_PER_REQUEST,
    organization_id: str = QUILLFERN,
) -> Iterator[Server]:
    """A server over the home on a free port, and a key for the organization."""
    key = add_key(home, organization_id, None)
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-W", "error", "-c", SERVE, str(home.path), str(seconds)],
            stderr=output,
        )
    try:
        yield Server(process, home, port_of(process, log), key, log)
    finally:
        process.kill()
        process.wait()


def port_of(process: subprocess.Popen[bytes], log: Path) -> int:
    """The port that the server names once it listens."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and process.poll() is None:
        found = re.search(r"^serving http://127\.0\.0\.1:([1-9][0-9]*)\n", log.read_text(), re.M)
        if found:
            return int(found[1])
        time.sleep(0.05)
    raise AssertionError(log.read_text())


@pytest.fixture(scope="module")
def server(sample_home: Home, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    directory = tmp_path_factory.mktemp("server")
    (directory / "published").symlink_to(sample_home.published)
    with serving(Home(directory), directory / "log") as running:
        yield running
        assert running.process.poll() is None
        log = running.log.read_text()
    assert "Traceback" not in log
    assert "Error" not in log
    assert running.key not in log


def read_all(connection: socket.socket) -> bytes:
    """What comes until the other side closes, however it does."""
    received = bytearray()
    with contextlib.suppress(ConnectionError):
        while chunk := connection.recv(65536):
            received += chunk
    return bytes(received)


def statuses(received: bytes) -> list[int]:
    return [int(each) for each in re.findall(rb"HTTP/1\.1 ([0-9]{3}) ", received)]


# Lago's clients, unmodified


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"currency": "EUR"},
        {"currency": "eur"},
        {"currency": ""},
        {"months": 3},
        {"months": "1"},
        {"months": -1},
        {"billing_entity_code": "london"},
        {"currency": "GBP", "months": 24, "billing_entity_code": "london"},
    ],
    ids=str,
)
def test_the_python_client_reads_the_report(options: dict[str, Any], server: Server) -> None:
    client = Client(api_key=server.key, api_url=server.url)
    found = client.invoice_collections.find_all(options)["invoice_collections"]
    collection = published(server.home).collection()
    query = "&".join(f"{name}={value}" for name, value in options.items())
    body = answer(collection, collection.organizations[QUILLFERN], f"{PATH}?{query}").body
    expected = json.loads(body)["invoice_collections"]
    assert expected
    assert [
        {name: value for name, value in row.dict().items() if value is not None} for row in found
    ] == expected


@pytest.mark.parametrize(
    ("key", "options", "status", "body"),
    [
        ("lic_unknown", {}, 401, {"status": 401, "error": "Unauthorized"}),
        (
            None,
            {"months": "x"},
            422,
            {
                "status": 422,
                "error": "Unprocessable Entity",
                "code": "validation_errors",
                "error_details": {"months": ["value_is_invalid"]},
            },
        ),
        (
            None,
            {"billing_entity_code": "x"},
            404,
            {"status": 404, "error": "Not Found", "code": "billing_entity_not_found"},
        ),
    ],
    ids=["401", "422", "404"],
)
def test_the_python_client_raises_its_own_error(
    key: str | None, options: dict[str, Any], status: int, body: Any, server: Server
) -> None:
    client = Client(api_key=key or server.key, api_url=server.url)
    with pytest.raises(LagoApiError) as caught:
        client.invoice_collections.find_all(options)
    assert caught.value.status_code == status
    assert caught.value.response == body


JAVASCRIPT_CLIENT = """
const { Client, getLagoError } = require("lago-javascript-client");
const [url, key, query] = process.argv.slice(1);
(async () => {
  try {
    const client = Client(key, { baseUrl: `${url}/api/v1` });
    const response = await client.analytics.findAllInvoiceCollections(JSON.parse(query));
    console.log(JSON.stringify([response.status, response.data]));
  } catch (error) {
    console.log(JSON.stringify([error.status, error.error]));
  }
})();
"""


@pytest.mark.parametrize("query", [{}, {"currency": "eur", "months": 3}, {"months": "x"}, None])
def test_the_javascript_client_reads_the_report(query: Any, server: Server) -> None:
    node = shutil.which("node")
    if node is None or not (JAVASCRIPT / "node_modules" / "lago-javascript-client").is_dir():
        pytest.skip("left out: node, or lago-javascript-client in target/javascript, is missing")
    key = "lic_unknown" if query is None else server.key
    process = subprocess.run(
        [node, "-e", JAVASCRIPT_CLIENT, server.url, key, json.dumps(query or {})],
        cwd=JAVASCRIPT,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=True,
    )
    status, data = json.loads(process.stdout)
    text = "&".join(f"{name}={value}" for name, value in (query or {}).items())
    expected_status, _, body = server.ask(f"{PATH}?{text}", key=key)
    assert (status, data) == (expected_status, json.loads(body))
    assert status == (401 if query is None else 422 if query == {"months": "x"} else 200)


# Clients that misbehave


@pytest.fixture
def others_are_served(server: Server) -> Iterator[None]:
    """Another client, which asks all the while that a test lasts."""
    expected = server.ask()[2]
    stop = threading.Event()
    found: list[Any] = []

    def ask() -> None:
        while not stop.is_set():
            try:
                status, _, body = server.ask()
                found.append(status if body == expected else body)
            except OSError as error:
                found.append(error)
            stop.wait(0.02)

    thread = threading.Thread(target=ask)
    thread.start()
    yield
    stop.set()
    thread.join()
    assert set(found) == {200}


@pytest.fixture
def memory_stays_flat(server: Server) -> Iterator[None]:
    before = server.memory()
    yield
    assert server.memory() < before + 30_000_000


pytestmark_robust = pytest.mark.usefixtures("others_are_served", "memory_stays_flat")


@pytestmark_robust
@pytest.mark.parametrize(
    "beginning",
    [
        b"",
        b"GET ",
        b"GET /health HTTP/1.1\r\nHost: x\r\n",
        b"GET /health HTTP/1.1\r\nHost: x\r\n\r\nGET /hea",
    ],
    ids=["nothing", "a word", "half the headers", "a request and a half"],
)
def test_a_silent_client_is_closed(beginning: bytes, server: Server) -> None:
    with server.connect() as connection:
        connection.sendall(beginning)
        received = read_all(connection)  # times out where nobody closes
    assert statuses(received) == [200] * beginning.count(b"\r\n\r\n")


@pytestmark_robust
@pytest.mark.parametrize(
    ("beginning", "drop"),
    [
        (b"GET /health HTTP/1.1\r\nHost: x\r\nX-Slow: ", b"a"),
        (b"GET /health HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n", b"a"),
        (b"GET /health HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\na\r\n"),
    ],
    ids=["header", "body", "chunked body"],
)
def test_a_slow_client_is_closed(beginning: bytes, drop: bytes, server: Server) -> None:
    start = time.monotonic()
    with server.connect() as connection, contextlib.suppress(ConnectionError):
        connection.sendall(beginning)
        while time.monotonic() < start + PATIENCE:
            connection.sendall(drop)
            time.sleep(0.1)
    assert time.monotonic() < start + PATIENCE


@pytestmark_robust
def test_a_client_that_does_not_read_is_closed(server: Server) -> None:
    with server.connect() as connection:
        request = server.head.replace(b"?months=1", b"") + b"\r\n"
        with contextlib.suppress(ConnectionError, TimeoutError):
            for _ in range(100_000):
                connection.sendall(request)
        read_all(connection)  # times out where nobody closes


@pytestmark_robust
def test_200_connections_at_once_are_served(server: Server) -> None:
    with contextlib.ExitStack() as stack:
        connections = [stack.enter_context(server.connect()) for _ in range(200)]
        for connection in connections:
            connection.sendall(server.head + b"Connection: close\r\n\r\n")
        received = [read_all(connection) for connection in connections]
    bodies = {each.partition(b"\r\n\r\n")[2] for each in received}
    assert [statuses(each) for each in received] == [[200]] * 200
    assert bodies == {server.ask(f"{PATH}?months=1")[2]}


@pytestmark_robust
def test_200_silent_connections_stop_nobody(server: Server) -> None:
    with contextlib.ExitStack() as stack:
        connections = [stack.enter_context(server.connect()) for _ in range(200)]
        assert server.ask()[0] == 200
        assert [read_all(connection) for connection in connections] == [b""] * 200


MEGABYTE = b"x" * 1_000_000
BAD_REQUESTS = {
    "1 MB header": b"GET /health HTTP/1.1\r\nHost: x\r\nX: " + MEGABYTE + b"\r\n\r\n",
    "1 MB name of a header": b"GET /health HTTP/1.1\r\nHost: x\r\n" + MEGABYTE + b": x\r\n\r\n",
    "1 MB key": b"GET /health HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "
    + MEGABYTE
    + b"\r\n\r\n",
    "1 MB query": b"GET /health?" + MEGABYTE + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "1 MB path": b"GET /" + MEGABYTE + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "1 MB method": MEGABYTE + b" /health HTTP/1.1\r\nHost: x\r\n\r\n",
    "1 MB of headers": b"GET /health HTTP/1.1\r\nHost: x\r\n" + b"X: y\r\n" * 160_000 + b"\r\n",
    "1 MB of nothing": b"\r\n" * 500_000,
    "NUL in the path": b"GET /hea\0lth HTTP/1.1\r\nHost: x\r\n\r\n",
    "NUL in a header": b"GET /health HTTP/1.1\r\nHost: x\r\nX: a\0b\r\n\r\n",
    "NULs": b"\0" * 1000,
    "bytes above ASCII in the path": b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n",
    "space in the path": b"GET /a b HTTP/1.1\r\nHost: x\r\n\r\n",
    "no host": b"GET /health HTTP/1.1\r\n\r\n",
    "two hosts": b"GET /health HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
    "folded first header": b"GET /health HTTP/1.1\r\n X: y\r\nHost: x\r\n\r\n",
    "space before the colon": b"GET /health HTTP/1.1\r\nHost : x\r\n\r\n",
    "two lengths": b"GET /health HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n"
    b"Content-Length: 2\r\n\r\nab",
    "negative length": b"GET /health HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    "broken chunk": b"GET /health HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
    "HTTP/0.9": b"GET /health\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500),
    "text": b"hello\r\n\r\n",
}


@pytestmark_robust
@pytest.mark.parametrize("name", BAD_REQUESTS)
def test_a_bad_request_is_refused_or_closed(name: str, server: Server) -> None:
    for _ in range(3):
        with server.connect() as connection:
            with contextlib.suppress(OSError):  # where it is closed by then
                connection.sendall(BAD_REQUESTS[name])
                connection.shutdown(socket.SHUT_WR)
            received = read_all(connection)
        assert statuses(received) in ([400], [])
        if received:
            body = json.loads(received.partition(b"\r\n\r\n")[2])
            assert body == {"status": 400, "error": "Bad Request", "code": "invalid_http_request"}


@pytestmark_robust
@pytest.mark.parametrize(
    "query",
    [
        "%",
        "%%%",
        "%zz=%zz",
        "currency=%",
        "currency=%00",
        "currency=%c3%28",
        "months=%f0%28%8c%28",
        "billing_entity_code=%ff%fe%00",
        "%00=%00",
        "=&=&&&&;;;",
        "&" * 10_000,
        "a=" + "b" * 10_000,
        "months=" + "9" * 10_000,
        "currency[]=EUR",
        "currency=EUR" * 500,
        "[]{}|\\^`<>\"'",
    ],
    ids=lambda query: query[:20],
)
def test_garbage_in_the_query_is_ignored_or_refused(query: str, server: Server) -> None:
    with server.connect() as connection:
        request = server.head.replace(b"months=1", query.encode())
        connection.sendall(request + b"Connection: close\r\n\r\n")
        received = read_all(connection)
    assert statuses(received) in ([200], [404], [422])
    json.loads(received.partition(b"\r\n\r\n")[2])


@pytestmark_robust
def test_pipelined_requests_are_answered_in_order(server: Server) -> None:
    with server.connect() as connection:
        connection.sendall(
            b"".join(
                server.head.replace(b"months=1", b"months=" + str(1 + number % 3).encode())
                + (b"Connection: close\r\n\r\n" if number == 59 else b"\r\n")
                for number in range(60)
            )
        )
        received = read_all(connection)
    assert statuses(received) == [200] * 60
    etags = re.findall(rb"^etag: (.*)\r$", received, re.M)
    assert etags == etags[:3] * 20
    assert len(set(etags)) == 3


@pytestmark_robust
@pytest.mark.parametrize(
    ("headers", "body"),
    [
        (b"Content-Length: 5\r\n\r\n", b"hello"),
        (b"Transfer-Encoding: chunked\r\n\r\n", b"5\r\nhello\r\n0\r\n\r\n"),
        (b"Content-Length: 1000000\r\n\r\n", MEGABYTE),
        (b"Content-Length: 5\r\nExpect: 100-continue\r\n\r\n", b"hello"),
    ],
    ids=["length", "chunked", "1 MB", "expect"],
)
def test_a_body_on_get_is_ignored(headers: bytes, body: bytes, server: Server) -> None:
    with server.connect() as connection:
        for _ in range(2):
            connection.sendall(server.head + headers + body)
        connection.sendall(server.head + b"Connection: close\r\n\r\n")
        received = read_all(connection)
    assert statuses(received) == [200, 200, 200]


@pytestmark_robust
def test_an_upgrade_is_not_taken(server: Server) -> None:
    with server.connect() as connection:
        upgrade = b"Upgrade: websocket\r\nConnection: upgrade, close\r\n"
        connection.sendall(server.head + upgrade + b"Sec-WebSocket-Version: 13\r\n\r\n")
        assert statuses(read_all(connection)) == [200]


@pytest.mark.usefixtures("memory_stays_flat")
def test_many_different_queries_do_not_fill_the_memory(server: Server) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)
    for number in range(2000):
        connection.request(
            "GET", f"{PATH}?x={number}", headers={"Authorization": f"Bearer {server.key}"}
        )
        response = connection.getresponse()
        response.read()
        assert response.status == 200
    connection.close()


# Start and end


def test_the_log_has_a_line_per_request(server: Server) -> None:
    before = server.log.read_text()
    server.ask(f"{PATH}?months=2&key={server.key}")
    with server.connect() as connection:
        connection.sendall(b"hello\r\n\r\n")
        read_all(connection)
    lines = server.log.read_text().removeprefix(before).splitlines()
    assert [line.split(" ", 1)[1] for line in lines] == [
        f"127.0.0.1 GET {PATH} 200",
        "127.0.0.1 - - 400",
    ]


def test_starting_says_what_is_missing_and_where_it_serves(
    tmp_path: Path, harness: Harness
) -> None:
    command = [sys.executable, "-m", "harness", "serve", "--home", str(tmp_path), "--port", "0"]
    log = tmp_path / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=output)
    try:
        port = port_of(process, log)
        assert "harness keys add" in log.read_text()
        assert "harness run" in log.read_text()
        taken = harness("serve", "--port", port, home=Home(tmp_path))
        assert taken.returncode == 2
        assert f"cannot listen on 127.0.0.1, port {port}: Address already in use" in taken.stderr
        assert "Traceback" not in taken.stderr
    finally:
        process.send_signal(signal.SIGINT)
        output_text, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    assert output_text == b""
    assert "Traceback" not in log.read_text()


def test_sigterm_finishes_the_request_in_flight(sample_home: Home, tmp_path: Path) -> None:
    # The manifest is a pipe, so the request lasts until the test writes it.
    home = Home(tmp_path / "home")
    version = home.published / "20260101T000000Z-00000000"
    shutil.copytree(published(sample_home).path, version)
    (home.published / "current").symlink_to(version.name)
    manifest = (version / "manifest.json").read_text()
    (version / "manifest.json").unlink()
    os.mkfifo(version / "manifest.json")
    with (
        serving(home, tmp_path / "log", seconds=60) as server,
        server.connect() as connection,
        server.connect() as idle,
    ):
        connection.sendall(server.head + b"\r\n")
        with (version / "manifest.json").open("w") as pipe:  # opens once the server reads it
            server.process.terminate()
            assert idle.recv(1) == b""  # closed, so the signal has arrived
            assert server.process.poll() is None
            with pytest.raises(ConnectionRefusedError):
                server.connect()
            pipe.write(manifest)
        received = read_all(connection)
        assert statuses(received) == [200]
        assert json.loads(received.partition(b"\r\n\r\n")[2])["invoice_collections"]
        assert server.process.wait(PATIENCE) == 0
    assert "Traceback" not in server.log.read_text()


# Our document


def test_schemathesis_finds_nothing(server: Server, tmp_path: Path) -> None:
    # Every check is on. The stateful phase is left out: no operation creates what another reads.
    # Two runs at once, with a seed each, are twice as many random cases in the same time; what is
    # not random is tried by the first.
    command = [
        *(str(Path(sys.executable).with_name("schemathesis")), "run", f"{server.url}/openapi.json"),
        *("--header", f"Authorization: Bearer {server.key}", "--checks", "all", "--no-color"),
        *("--max-examples", str(CASES), "--generation-database", "none", "--continue-on-failure"),
    ]
    # A load that is older than fresh_within is no fault of the server. A customer is refused where
    # the collection is not published by customer, which no schema says.
    (tmp_path / "schemathesis.toml").write_text(
        f'[[operations]]\ninclude-path = "{PATH}"\n'
        "checks.positive_data_acceptance.expected-statuses ="
        ' ["2xx", "3xx", "401", "403", "404", "422", "429", "5xx"]\n'
        '[[operations]]\ninclude-path = "/health"\n'
        'checks.not_a_server_error.expected-statuses = ["2xx", "3xx", "4xx", 503]\n'
    )
    processes = [
        subprocess.Popen(
            [*command, "--seed", seed, "--phases", phases],
            stdout=subprocess.PIPE,
            cwd=tmp_path,
            text=True,
        )
        for seed, phases in (("1", "examples,coverage,fuzzing"), ("2", "fuzzing"))
    ]
    outputs = [process.communicate()[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], "\n".join(outputs)
    for output in outputs:
        generated, passed = re.findall(r"(\d+) generated, (\d+) passed", output)[0]
        assert generated == passed
        assert int(generated) > 2 * CASES
