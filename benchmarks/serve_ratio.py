"""What a request to the server costs, beside two other ways of answering it.

    python benchmarks/serve_ratio.py --min-ratio 0.8 --min-speedup 100

First, requests per second and latency of `harness serve` against a bare Starlette application under
uvicorn, as it comes, that returns the same bytes to anybody. Rounds of the two take turns, so that
a busy machine slows both alike; the ratio is the median of the rounds' ratios. Both logs go to
/dev/null, and the load comes from a process of its own.

Second, where PostgreSQL is found, the latency of a single request against Lago's way, which is to
add up the invoices at request time: here 2 million of one organization, warm, in a server of its
own on a private socket. Both give the same figures, or this ends with 2.

Prints a table and writes serve_ratio.json. Exit codes: 0; 1 where a limit is not kept; 2 where
something fails.
"""

import argparse
import asyncio
import contextlib
import http.client
import json
import os
import platform
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path
from statistics import median
from typing import Any, cast

import duckdb

HERE = Path(__file__).resolve().parent
PATH = "/api/v1/analytics/invoice_collection"
INVOICES = 2_000_000
MONTHS = 60
AS_OF_DATE = "2026-06-30"
ORGANIZATION_ID = "5f0c7d5e-3b0a-4c56-9d1e-0a2b4c6d8e10"

BARE = f"""
import sys
import uvicorn
from pathlib import Path
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route

body = Path(sys.argv[2]).read_bytes()

async def report(request):
    return Response(body, media_type="application/json")

uvicorn.run(Starlette(routes=[Route("{PATH}", report)]), port=int(sys.argv[1]))
"""

# All that varies derives from the number of the invoice.
INVOICES_SQL = f"""
create macro drawn(number, below) as cast(hash(number) % below as integer);
create table invoices as
select
    cast(md5('invoice ' || number) as uuid) as id,
    '{ORGANIZATION_ID}' as organization_id,
    timestamp '2026-07-01 00:00:00' as updated_at,
    date '2026-06-30' - drawn(number, 30 * {MONTHS}) as issuing_date,
    case when drawn(number + 1, 100) < 94 then 1 else 0 end as status,
    [1, 1, 1, 1, 1, 1, 1, 0, 0, 2][1 + drawn(number + 2, 10)] as payment_status,
    ['EUR', 'USD', 'GBP', 'JPY'][1 + drawn(number + 3, 4)] as currency,
    cast(100 + drawn(number + 4, 1000000) as bigint) as total_amount_cents,
    drawn(number + 5, 1000) < 3 as self_billed,
    case when drawn(number + 6, 1000) < 2 then timestamp '2026-06-01 00:00:00' end
        as payment_dispute_lost_at
from range({INVOICES}) as numbers (number)
"""

POSTGRESQL_TABLE_SQL = """
create table invoices (
    id uuid primary key,
    organization_id uuid not null,
    updated_at timestamp not null,
    issuing_date date,
    status integer not null,
    payment_status integer not null,
    currency text,
    total_amount_cents bigint not null,
    self_billed boolean not null,
    payment_dispute_lost_at timestamp
)
"""

# Lago keeps these two, among others.
POSTGRESQL_INDEXES_SQL = """
create index on invoices (organization_id);
create index on invoices (issuing_date);
vacuum analyze invoices;
"""

# Every month, and what was collected in it, as Lago adds it up: in floating point.
POSTGRESQL_QUERY = f"""
with
months as (
    select generate_series(date '2021-07-01', date '{AS_OF_DATE}', interval '1 month') as month
),
collected as (
    select
        date_trunc('month', issuing_date) as month,
        payment_status,
        currency,
        count(*) as invoices_count,
        sum(cast(total_amount_cents as double precision)) as amount_cents
    from invoices
    where
        organization_id = '{ORGANIZATION_ID}'
        and status = 1
        and self_billed = false
        and payment_dispute_lost_at is null
    group by 1, 2, 3
)
select
    to_char(months.month, 'YYYY-MM-DD') as month,
    collected.payment_status,
    collected.currency,
    coalesce(collected.invoices_count, 0) as invoices_count,
    cast(coalesce(collected.amount_cents, 0) as bigint) as amount_cents
from months
left join collected on months.month = collected.month
order by 1, 2, 3
"""
STATUSES = {"0": "pending", "1": "succeeded", "2": "failed"}


@dataclass(frozen=True)
class Round:
    """One server under load for a while: requests per second, and the latencies in seconds."""

    rate: float
    latencies: list[float]


class Client(asyncio.Protocol):
    """A connection that asks again as soon as it has its answer."""

    def __init__(self, request: bytes, until: float, latencies: list[float]) -> None:
        self._request = request
        self._until = until
        self._latencies = latencies
        self._received = b""
        self._missing = 0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._ask()

    def data_received(self, data: bytes) -> None:
        if self._missing:
            self._missing -= len(data)
        else:
            self._received += data
            head, end, rest = self._received.partition(b"\r\n\r\n")
            if not end:
                return
            if not head.startswith(b"HTTP/1.1 200 "):
                self.done.set_exception(RuntimeError(head.decode()))
                self._transport.abort()
                return
            length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
            self._missing = int(length) - len(rest)
        if self._missing == 0:
            moment = time.perf_counter()
            self._latencies.append(moment - self._asked)
            if moment < self._until:
                self._ask()
            else:
                self.done.set_result(None)
                self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(RuntimeError(f"the server closed a connection ({exc})"))

    def _ask(self) -> None:
        self._received = b""
        self._asked = time.perf_counter()
        self._transport.write(self._request)


def load(port: int, key: str, seconds: float, connections: int) -> Round:
    """Ask a server for the report over and over, on so many connections at once."""

    async def run() -> Round:
        lines = [f"GET {PATH} HTTP/1.1", "Host: 127.0.0.1", f"Authorization: Bearer {key}"]
        request = "\r\n".join([*lines, "", ""]).encode()
        latencies: list[float] = []
        start = time.perf_counter()
        loop = asyncio.get_running_loop()
        clients = [
            (
                await loop.create_connection(
                    lambda: Client(request, start + seconds, latencies), "127.0.0.1", port
                )
            )[1]
            for _ in range(connections)
        ]
        await asyncio.gather(*(client.done for client in clients))
        return Round(len(latencies) / (time.perf_counter() - start), latencies)

    return asyncio.run(run())


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@contextlib.contextmanager
def running(command: Callable[[int], list[str]]) -> Iterator[int]:
    """The port of a server that runs meanwhile, its output to /dev/null."""
    port = free_port()
    process = subprocess.Popen(
        command(port), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=HERE
    )
    try:
        for _ in range(300):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
            time.sleep(0.1)
        yield port
    finally:
        process.terminate()
        process.wait(60)


def harness(*arguments: object) -> str:
    command = [sys.executable, "-m", "harness", *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True, text=True, cwd=HERE).stdout


def ask(port: int, key: str) -> bytes:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    connection.request("GET", PATH, headers={"Authorization": f"Bearer {key}"})
    response = connection.getresponse()
    body = response.read()
    if response.status != 200:
        raise SystemExit(f"the server answered {response.status}: {body!r}")
    return body


def measure(
    home: Path, key: str, directory: Path, rounds: int, seconds: float, connections: int
) -> tuple[list[Round], list[Round], Round]:
    """Rounds of the server and of the bare application, and the server with one connection."""
    body_file = directory / "body.json"
    ours: list[Round] = []
    bare: list[Round] = []
    with (
        running(lambda port: serve_command(home, port)) as our_port,
        ProcessPoolExecutor(1, mp_context=get_context("spawn")) as loader,
    ):
        body_file.write_bytes(ask(our_port, key))
        with running(lambda port: [sys.executable, "-c", BARE, str(port), str(body_file)]) as other:
            if ask(other, key) != body_file.read_bytes():
                raise SystemExit("the bare application returns other bytes")
            sides = [(ours, our_port), (bare, other)]
            for number in range(-1, rounds):
                for done, port in sides if number % 2 else sides[::-1]:
                    one = loader.submit(load, port, key, seconds, connections).result()
                    if number >= 0:  # the round before only warms up
                        done.append(one)
        single = loader.submit(load, our_port, key, seconds, 1).result()
    return ours, bare, single


def serve_command(home: Path, port: int) -> list[str]:
    return [sys.executable, "-m", "harness", "serve", "--home", str(home), "--port", str(port)]


def percentile(rounds: list[Round], share: float) -> float:
    """Milliseconds."""
    latencies = sorted(latency for one in rounds for latency in one.latencies)
    return latencies[min(int(len(latencies) * share), len(latencies) - 1)] * 1000


def make_invoices(directory: Path) -> Path:
    """A source for the harness: two million invoices of one organization."""
    source = directory / "source"
    source.mkdir()
    with duckdb.connect(config={"memory_limit": "1500MB"}) as connection:
        connection.execute(INVOICES_SQL)
        connection.execute(f"copy invoices to '{source}/invoices.parquet' (format parquet)")
        connection.execute(
            f"copy invoices to '{directory}/invoices.csv' (format csv, header false)"
        )
    (source / "organizations.csv").write_text(
        f"id,name,created_at\n{ORGANIZATION_ID},Big,2021-07-01 00:00:00\n"
    )
    return source


class PostgreSQL:
    """A PostgreSQL server of its own, which listens on a socket in its directory only."""

    def __init__(self, programs: Path, directory: Path) -> None:
        self._programs = programs
        self._directory = directory
        self._prefix = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        if self._prefix:
            shutil.chown(directory, "postgres")

    def __enter__(self) -> "PostgreSQL":
        data = str(self._directory / "data")
        self._run("initdb", "--auth=trust", "--username=postgres", "--pgdata", data)
        options = f"-k {self._directory} -c listen_addresses='' -c shared_buffers=512MB"
        log = str(self._directory / "log")
        self._run("pg_ctl", "start", "--wait", "--pgdata", data, "--log", log, "-o", options)
        return self

    def __exit__(self, *_: object) -> None:
        self._run("pg_ctl", "stop", "--mode=fast", "--pgdata", str(self._directory / "data"))

    def psql(self, *commands: str) -> str:
        """What psql prints for the commands, one after the other in one session."""
        options = ["--host", str(self._directory), "--username", "postgres", "--quiet", "--csv"]
        options += ["--no-psqlrc", "--tuples-only", "--set=ON_ERROR_STOP=1"]
        return self._run("psql", *options, *(f"--command={command}" for command in commands))

    def _run(self, program: str, *arguments: str) -> str:
        command = [*self._prefix, str(self._programs / program), *arguments]
        # pg_ctl's server inherits a pipe and would keep it open.
        with tempfile.TemporaryFile("w+") as output:
            finished = subprocess.run(
                command, stdout=output, stderr=subprocess.STDOUT, cwd=self._directory, check=False
            )
            output.seek(0)
            text = output.read()
        if finished.returncode:
            raise SystemExit(f"{program} failed: {text.strip()}")
        return text


def measure_postgresql(programs: Path, invoices: Path, runs: int) -> tuple[list[float], str]:
    """Milliseconds of the query in one warm session, and its rows."""
    with tempfile.TemporaryDirectory(prefix="postgresql-") as name:
        directory = Path(name)
        with PostgreSQL(programs, directory) as server:
            copied = shutil.copy(invoices, directory / "invoices.csv")
            server.psql(POSTGRESQL_TABLE_SQL, f"\\copy invoices from '{copied}' (format csv)")
            server.psql(*POSTGRESQL_INDEXES_SQL.strip().splitlines())
            rows = server.psql(POSTGRESQL_QUERY)
            output = server.psql("\\timing on", *[POSTGRESQL_QUERY] * (runs + 1))
    times = [line.split()[1] for line in output.splitlines() if line.startswith("Time: ")]
    return [float(each) for each in times][1:], rows


def rows_of(body: bytes) -> list[tuple[object, ...]]:
    return sorted(
        (
            row["month"][:10],
            row.get("payment_status", ""),
            row.get("currency", ""),
            row["invoices_count"],
            row["amount_cents"],
        )
        for row in json.loads(body)["invoice_collections"]
    )


def rows_of_postgresql(output: str) -> list[tuple[object, ...]]:
    rows = [line.split(",") for line in output.splitlines() if line]
    return sorted(
        (month, STATUSES.get(status, ""), currency, int(count), int(cents))
        for month, status, currency, count, cents in rows
    )


def report(
    ours: list[Round], bare: list[Round], single: Round, postgresql: list[float]
) -> dict[str, Any]:
    result: dict[str, Any] = {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": f"{platform.machine()}, {os.cpu_count()} processors",
        "versions": {name: version(name) for name in ("starlette", "uvicorn", "h11")},
    }
    for name, rounds in (("server", ours), ("bare", bare)):
        result[name] = {
            "requests_per_second": round(median(one.rate for one in rounds)),
            "rounds": [round(one.rate) for one in rounds],
            "p50_ms": round(percentile(rounds, 0.5), 3),
            "p99_ms": round(percentile(rounds, 0.99), 3),
        }
    ratios = [our.rate / other.rate for our, other in zip(ours, bare, strict=True)]
    result["ratio"] = round(median(ratios), 3)
    result["single_p50_ms"] = round(percentile([single], 0.5), 3)
    if postgresql:
        result["postgresql_p50_ms"] = round(median(postgresql), 1)
        result["speedup"] = round(median(postgresql) / percentile([single], 0.5))
    return result


def print_table(result: dict[str, Any], connections: int) -> None:
    print(f"{connections} connections at once    requests/s   p50 ms   p99 ms")
    for title, name in (("harness serve", "server"), ("bare Starlette", "bare")):
        one = result[name]
        print(
            f"{title:<25} {one['requests_per_second']:>10,} {one['p50_ms']:>8.2f}"
            f" {one['p99_ms']:>8.2f}"
        )
    print(f"{'ratio':<25} {result['ratio']:>10.2f}\n")
    print("one request at a time         p50 ms")
    print(f"{'harness serve':<25} {result['single_p50_ms']:>10.2f}")
    if "speedup" in result:
        print(f"{'query of 2M invoices':<25} {result['postgresql_p50_ms']:>10.1f}")
        print(f"{'times as fast':<25} {result['speedup']:>10,}")
    else:
        print("PostgreSQL is not here, so its query is left out.")


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure the server beside other ways.")
    parser.add_argument("--rounds", type=int, default=5, help="default: %(default)s")
    parser.add_argument("--seconds", type=float, default=2.0, help="per round and server")
    parser.add_argument("--connections", type=int, default=16, help="default: %(default)s")
    parser.add_argument("--min-ratio", type=float, help="to the bare application")
    parser.add_argument("--min-speedup", type=float, help="against PostgreSQL")
    parser.add_argument(
        "--postgresql",
        type=Path,
        default=Path("/usr/lib/postgresql/15/bin"),
        metavar="DIR",
        help="its programs; default: %(default)s",
    )
    parser.add_argument("--directory", type=Path, default=HERE / "results", help="for the JSON")
    arguments = parser.parse_args()

    with tempfile.TemporaryDirectory(prefix="serve-ratio-") as name:
        directory = Path(name)
        home = directory / "home"
        source = make_invoices(directory)
        harness("run", "--from", source, "--as-of", AS_OF_DATE, "--home", home)
        key = harness("keys", "add", "--home", home).strip()
        ours, bare, single = measure(
            home, key, directory, arguments.rounds, arguments.seconds, arguments.connections
        )
        postgresql: list[float] = []
        if arguments.postgresql.is_dir():
            postgresql, rows = measure_postgresql(
                arguments.postgresql, directory / "invoices.csv", runs=7
            )
            if rows_of_postgresql(rows) != rows_of((directory / "body.json").read_bytes()):
                print("The server and PostgreSQL give different figures.", file=sys.stderr)
                sys.exit(2)

    result = report(ours, bare, single, postgresql)
    print_table(result, arguments.connections)
    arguments.directory.mkdir(parents=True, exist_ok=True)
    (arguments.directory / "serve_ratio.json").write_text(json.dumps(result, indent=2) + "\n")
    missed = [
        f"{name} is {result[name]}, below {limit:g}"
        for name, limit in (("ratio", arguments.min_ratio), ("speedup", arguments.min_speedup))
        if limit and name in result and result[name] < limit
    ]
    for line in missed:
        print(line, file=sys.stderr)
    sys.exit(1 if missed else 0)


if __name__ == "__main__":
    main()
