"""What many organizations cost beside one with as many invoices, and what serving them costs.

    python benchmarks/organizations.py --organizations 1000 --max-ratio 3
    python benchmarks/organizations.py --organizations 5000 --serve

The steps of `harness run` run one after the other on the same invoices twice: of so many
organizations, and all of one. Each organization has in each currency and month two invoices that
succeeded, one that failed and one that is pending, one more of these in the newest three months,
and a faulty one. After publishing, the build is checked again, now against what is published. The
limit is for the checks and for publishing, in processor seconds.

With --serve the server is asked for many organizations' reports, one after the other: what it holds
before and after, and how long the first answer takes, also once another version is published.

Exit codes: 0; 1 where a ratio is above its limit; 2 where a step fails.
"""

import argparse
import http.client
import math
import shutil
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import duckdb
from generate import AS_OF_DATE, LAST_MONTH
from measure import GB, PROJECT, RESULTS, Cost, run, save, table

HARNESS = (sys.executable, "-m", "harness")
STEPS = ("load", "build", "check", "publish", "recheck", "report")
COMMANDS = {"recheck": "check"}
LIMITED = ("check", "publish", "recheck")
CURRENCIES = ("EUR", "USD", "JPY", "GBP", "CAD", "INR", "CHF", "KWD")
PATH = "/api/v1/analytics/invoice_collection"
ASKED = 300

# The owner is what differs between many organizations and one.
MACROS = """
create temp macro id_of(kind, number) as cast(md5(kind || number) as uuid);
create temp macro owner(number) as id_of('organization', case when $one then 0 else number end);
"""
QUERIES = {
    "organizations": f"""
select
    owner(number) as id,
    'Organization ' || printf('%05d', number) as name,
    date '{LAST_MONTH}' - to_months($months - 1) as created_at
from range(case when $one then 1 else $organizations end) as numbers (number)
""",
    "billing_entities": """
select
    id_of('billing entity', number) as id,
    owner(number) as organization_id,
    'default' as code,
    'Entity ' || number as name
from range(case when $one then 1 else $organizations end) as numbers (number)
""",
    "customers": """
select
    id_of('customer', number) as id,
    owner(number // 5) as organization_id,
    'customer-' || number as external_id,
    'Customer ' || number as name
from range($organizations * 5) as numbers (number)
""",
    "invoices": f"""
with

places as (
    select
        organizations.number as organization,
        currencies.number as currency,
        months.number as month,
        places.number as place,
        ((organizations.number * $currencies + currencies.number) * $months + months.number) * 5
            + places.number as number
    from range($organizations) as organizations (number)
    cross join range($currencies) as currencies (number)
    cross join range($months) as months (number)
    cross join range(5) as places (number)
    where places.number < 4 or months.number >= $months - 3
)

select
    id_of('invoice', number) as id,
    owner(organization) as organization_id,
    id_of('billing entity', case when $one then 0 else organization end) as billing_entity_id,
    id_of('customer', organization * 5 + number % 5) as customer_id,
    'INV-' || number as number,
    1 as status,
    [1, 1, 2, 0, 0][1 + place] as payment_status,
    cast(date '{LAST_MONTH}' - to_months($months - 1 - month) as date) + cast(place * 5 as integer)
        as issuing_date,
    cast(date '{LAST_MONTH}' - to_months($months - 2 - month) as date) + cast(place * 5 as integer)
        as payment_due_date,
    case when currency = 0 and month = 0 and place = 1 then 'XXX'
        else $codes[1 + currency] end as currency,
    1000 + cast(hash(number) % 1000000 as bigint) as total_amount_cents,
    case when place < 2 then 1000 + cast(hash(number) % 1000000 as bigint) else 0 end
        as total_paid_amount_cents,
    false as self_billed,
    cast(null as timestamp) as payment_dispute_lost_at,
    timestamp '{AS_OF_DATE}' as updated_at
from places
order by issuing_date, id
""",
}


@dataclass(frozen=True)
class Size:
    """How many organizations, currencies of each, and months of each."""

    organizations: int
    currencies: int
    months: int

    @property
    def invoices(self) -> int:
        """How many invoices all of them have."""
        return self.organizations * self.currencies * (4 * self.months + min(3, self.months))


def generated(size: Size, one: bool) -> Path:
    """A directory with the folder `tables`, made where that is not there yet."""
    name = f"{size.organizations}x{size.currencies}x{size.months}{'_of_one' if one else ''}"
    directory = RESULTS / f"organizations_{name}"
    if (directory / "tables" / "invoices.parquet").exists():
        return directory
    (directory / "tables").mkdir(parents=True, exist_ok=True)
    values = {
        "$organizations": str(size.organizations),
        "$currencies": str(size.currencies),
        "$months": str(size.months),
        "$codes": str(list(CURRENCIES[: size.currencies])),
        "$one": str(one).lower(),
    }

    def filled(text: str) -> str:
        for placeholder, value in values.items():
            text = text.replace(placeholder, value)
        return text

    with duckdb.connect(config={"memory_limit": "1500MB"}) as connection:
        connection.execute(filled(MACROS))
        for table_, query in QUERIES.items():
            file = directory / "tables" / f"{table_}.parquet"
            connection.execute(f"copy ({filled(query)}) to '{file}' (format parquet)")
    return directory


def steps(home: Path, data: Path, wanted: list[str]) -> dict[str, Cost]:
    """What each step costs; a load begins in a new home."""
    if "load" in wanted:
        shutil.rmtree(home, ignore_errors=True)
    words = {"load": ("--from", data / "tables"), "build": ("--as-of", AS_OF_DATE)}
    return {
        step: run([*HARNESS, COMMANDS.get(step, step), "--home", home, *words.get(step, ())])
        for step in wanted
    }


class Server:
    """`harness serve` over a home, and what it holds."""

    def __init__(self, home: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self._port = free.getsockname()[1]
        command = [*HARNESS, "serve", "--home", str(home), "--port", str(self._port)]
        self._process = subprocess.Popen(command, cwd=PROJECT, stderr=subprocess.DEVNULL)
        while True:
            try:
                socket.create_connection(("127.0.0.1", self._port)).close()
                break
            except OSError:
                time.sleep(0.1)

    def ask(self, key: str) -> float:
        """The milliseconds that one answer takes."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port)
        started = time.perf_counter()
        connection.request("GET", PATH, headers={"Authorization": f"Bearer {key}"})
        try:
            answer = connection.getresponse()
        except http.client.RemoteDisconnected:
            # The server gives up after half a minute.
            return math.inf
        answer.read()
        if answer.status != 200:
            raise SystemExit(f"the server answered {answer.status}")
        return (time.perf_counter() - started) * 1000

    def megabytes(self) -> float:
        """The memory that it holds."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        (line,) = (line for line in status.splitlines() if line.startswith("VmRSS"))
        return int(line.split()[1]) / 1024

    def stop(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait()


def serve(home: Path) -> dict[str, float]:
    """What the server takes and holds for many organizations, one after the other."""
    # The command makes one key at a time; here it is the library, for hundreds of them.
    from harness.api.keys import add_key
    from harness.collection.version import published
    from harness.foundation.home import Home

    version = published(Home(home))
    keys = [add_key(Home(home), id_, None) for id_ in list(version.organizations())[:ASKED]]
    server = Server(home)
    try:
        found = {"MB at the start": server.megabytes(), "ms, first answer": server.ask(keys[0])}
        found["MB after it"] = server.megabytes()
        others = [server.ask(key) for key in keys[1:]]
        found |= {"ms, first of another": median(others), "the longest of these": max(others)}
        found["ms, asked again"] = median(server.ask(keys[0]) for _ in range(50))
        found[f"MB after {len(keys)} organizations"] = server.megabytes()
        run([*HARNESS, "publish", "--home", home])
        found["ms, first after publishing"] = server.ask(keys[1])
        for key in keys:
            server.ask(key)
        found["MB after all of it again"] = server.megabytes()
        return found
    finally:
        server.stop()


def main() -> int:
    parser = argparse.ArgumentParser(description="Measure many organizations beside one.")
    parser.add_argument("--organizations", type=int, default=1000, help="default: %(default)s")
    parser.add_argument("--currencies", type=int, default=3, help="of each; default: %(default)s")
    parser.add_argument("--months", type=int, default=24, help="of each; default: %(default)s")
    parser.add_argument("--steps", nargs="*", choices=STEPS, default=list(STEPS))
    parser.add_argument("--serve", action="store_true", help="measure the server, too")
    parser.add_argument("--max-ratio", type=float, help="of checks and publishing, many to one")
    arguments = parser.parse_args()

    size = Size(arguments.organizations, arguments.currencies, arguments.months)
    data = {"many": generated(size, one=False), "one": generated(size, one=True)}
    homes = {name: directory / "home" for name, directory in data.items()}
    costs = {name: steps(homes[name], data[name], arguments.steps) for name in data}
    ratios = {
        step: costs["many"][step].processor_seconds / costs["one"][step].processor_seconds
        for step in arguments.steps
    }
    print(
        f"{size.organizations:,} organizations, {size.currencies} currencies, {size.months} ",
        end="",
    )
    print(f"months: {size.invoices:,} invoices; one organization with as many\n")
    rows: list[tuple[object, ...]] = [
        (
            step,
            *(costs[name][step].processor_seconds for name in ("many", "one")),
            ratios[step],
            *(costs[name][step].peak_memory / GB for name in ("many", "one")),
        )
        for step in arguments.steps
    ]
    header = ["step", "many, processor s", "one", "ratio", "many, peak GB", "one"]
    if rows:
        print(table(header, rows))
    served = serve(homes["many"]) if arguments.serve else {}
    if served:
        print("\n" + table(["the server", ""], list(served.items())))
    save("organizations", size.invoices, {"ratios": ratios, "costs": costs, "served": served})
    limit = arguments.max_ratio
    return int(limit is not None and any(ratios.get(step, 0) > limit for step in LIMITED))


if __name__ == "__main__":
    sys.exit(main())
