"""How much longer a load takes than only getting the same data, and how much memory it holds.

    python benchmarks/sources_ratio.py --postgres postgresql://me@localhost/scratch --runs 3

With --postgres, a scratch database in which the schema `lago_benchmark` is made anew: `harness
load` against psql copying the same columns to a file. Always: `harness load` from an API on
loopback against a loop that only fetches the same pages, one and four at once. The runs take turns.

Exit codes: 0; 1 where a ratio is above --max-ratio-postgres or --max-ratio-api.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from statistics import median
from urllib.parse import parse_qs, urlsplit

SCHEMA = "lago_benchmark"
COLUMNS = (
    "id, organization_id, billing_entity_id, status, payment_status, issuing_date, currency, "
    "total_amount_cents, self_billed, payment_dispute_lost_at, updated_at"
)
FILL = """
drop schema if exists {schema} cascade;
create schema {schema};
set search_path = {schema};
create table organizations (id uuid primary key, name varchar, created_at timestamp(6));
insert into organizations select gen_random_uuid(), 'Acme', timestamp '2022-01-01';
create table billing_entities (
    id uuid primary key, organization_id uuid, code varchar, archived_at timestamp,
    deleted_at timestamp);
insert into billing_entities (id, organization_id, code)
select gen_random_uuid(), id, 'default' from organizations;
create table invoices (
    id uuid primary key default gen_random_uuid(), organization_id uuid, billing_entity_id uuid,
    status integer, payment_status integer, issuing_date date, currency varchar,
    total_amount_cents bigint, self_billed boolean, payment_dispute_lost_at timestamp(6),
    updated_at timestamp(6), number varchar, fees_amount_cents bigint, others varchar);
insert into invoices
select gen_random_uuid(), organization_id, id, 1, row % 3, date '2022-01-01' + row % 1500, 'EUR',
    row, false, null, timestamp '2022-01-01' + row * interval '1 minute', 'INV-' || row, row,
    repeat('x', 200)
from billing_entities, generate_series(1, {invoices}) as row;
analyze invoices;
"""
LOOP = """
import httpx, sys
from concurrent.futures import ThreadPoolExecutor
with httpx.Client(headers={"Authorization": "Bearer x"}) as client:
    def ask(page):
        query = {"page": page, "per_page": 500}
        return client.get(f"{sys.argv[1]}/api/v1/invoices", params=query).json()["meta"]
    with ThreadPoolExecutor(int(sys.argv[2])) as pool:
        for _ in pool.map(ask, range(1, ask(1)["total_pages"] + 1)):
            pass
"""
CONNECTIONS = 4


def timed(command: list[str]) -> tuple[float, float]:
    """The seconds that a command takes, and the most megabytes it held."""
    started = time.perf_counter()
    environment = os.environ | {"LAGO_API_KEY": "x"}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        raise SystemExit(f"{command[0]} failed")
    return time.perf_counter() - started, usage.ru_maxrss / 1000


def compare(name: str, floor: list[str], load: list[str], runs: int) -> tuple[float, float]:
    """Take turns and print the medians; returns the ratio, and the seconds of the load."""
    pairs = [(timed(floor), timed(load)) for _ in range(runs + 1)][1:]
    bare = median(seconds for (seconds, _), _ in pairs)
    seconds = median(seconds for _, (seconds, _) in pairs)
    memory = max(memory for _, (_, memory) in pairs)
    print(
        f"{name}: bare {bare:.2f} s, load {seconds:.2f} s, ratio {seconds / bare:.2f}, "
        f"memory {memory:.0f} MB"
    )
    return seconds / bare, seconds


@contextmanager
def api(invoices: int, latency: float) -> Iterator[str]:
    """The URL of an API on loopback, its pages of 500 made beforehand and sent after `latency`."""
    more = {f"field_{at}_amount_cents": at * 1000 for at in range(30)}
    customer = {"lago_id": "c", "name": "x" * 300, "metadata": [{"key": "k", "value": "v" * 50}]}
    pages = -(-invoices // 500)
    bodies = {}
    for page in range(1, pages + 1):
        rows = [
            {
                "lago_id": f"{row:036}",
                "billing_entity_code": "default",
                "issuing_date": "2026-01-01",
                "status": "finalized",
                "payment_status": "pending",
                "currency": "EUR",
                "total_amount_cents": row,
                "self_billed": False,
                "payment_dispute_lost_at": None,
                "updated_at": "2026-01-01T00:00:00Z",
                "customer": customer,
                **more,
            }
            for row in range((page - 1) * 500, min(page * 500, invoices))
        ]
        following = page + 1 if page < pages else None
        meta = {"current_page": page, "next_page": following, "total_pages": pages}
        bodies[page] = json.dumps({"invoices": rows, "meta": meta | {"total_count": invoices}})
    others = {
        "organizations": {"organization": {"lago_id": "o", "created_at": "2022-01-01T00:00:00Z"}},
        "billing_entities": {"billing_entities": []},
    }

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            """Nothing."""

        def do_GET(self) -> None:
            url = urlsplit(self.path)
            name = url.path.rpartition("/")[2]
            if name == "invoices":
                page = int(parse_qs(url.query)["page"][0])
                empty = {"current_page": page, "total_pages": pages, "total_count": invoices}
                body = bodies.get(page, json.dumps({"invoices": [], "meta": empty})).encode()
            else:
                body = json.dumps(others[name]).encode()
            time.sleep(latency)
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--postgres", metavar="URL")
    parser.add_argument("--invoices", type=int, default=2_000_000, help="in the database")
    parser.add_argument("--api-invoices", type=int, default=100_000)
    parser.add_argument("--latency", type=float, default=0.05, help="seconds per page of the API")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--max-ratio-postgres", type=float, default=1.5)
    parser.add_argument("--max-ratio-api", type=float, default=1.3)
    options = parser.parse_args()
    passed = True
    with tempfile.TemporaryDirectory() as directory:
        load = [sys.executable, "-m", "harness", "load", "--home", directory, "--from"]
        if options.postgres:
            psql = ["psql", "-qX", "-v", "ON_ERROR_STOP=1", options.postgres, "-c"]
            fill = FILL.format(schema=SCHEMA, invoices=options.invoices)
            subprocess.run([*psql, fill], check=True, stderr=subprocess.DEVNULL)
            copy = f"\\copy (select {COLUMNS} from {SCHEMA}.invoices) to {Path(directory, 'copy')}"
            loading = [*load, options.postgres, "--schema", SCHEMA]
            ratio, _ = compare("postgresql", [*psql, copy], loading, options.runs)
            passed = ratio <= options.max_ratio_postgres
        with api(options.api_invoices, options.latency) as url:
            spent = []
            for connections in (1, CONNECTIONS):
                loop = [sys.executable, "-c", LOOP, url, str(connections)]
                crawl = [*load, url, "--connections", str(connections)]
                name = f"api, {connections} at once"
                ratio, seconds = compare(name, loop, crawl, options.runs)
                passed = passed and ratio <= options.max_ratio_api
                spent.append(seconds)
            print(f"api: {spent[0] / spent[1]:.2f} times as fast with {CONNECTIONS} at once")
    sys.exit(0 if passed else 1)


if __name__ == "__main__":
    main()
