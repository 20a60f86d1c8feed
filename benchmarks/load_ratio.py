"""How much longer `harness load` takes than DuckDB needs for the same file, doing less.

    python benchmarks/load_ratio.py --invoices 10000000 --text-invoices 2000000 --runs 3

A Parquet file with older versions of 1% of the invoices, which a load drops, against a plain copy
of the same columns. CSV and NDJSON files, load and build together, against one typed read: DuckDB
reads the same file once, with the types of the columns given, into a table. The build counts
as dbt's elapsed time less that of the sample, as in build_ratio.py. The runs take turns.

Exit codes: 0; 1 where a ratio is above --max-parquet or --max-text.
"""

import argparse
import json
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import duckdb
from generate import AS_OF_DATE
from measure import GB, RESULTS, Cost, generated, in_turns, median_cost, run, save, table

TABLES = ("organizations", "billing_entities", "invoices")
HARNESS = (sys.executable, "-m", "harness")
# What a load keeps.
COLUMNS = (
    "id, organization_id, billing_entity_id, status, payment_status, issuing_date, currency,"
    " total_amount_cents, self_billed, payment_dispute_lost_at, updated_at, number, invoice_type,"
    " customer_id, payment_due_date, total_paid_amount_cents"
)
FORMATS = {"csv": "csv, header", "ndjson": "json"}


def duckdb_query(sql: str) -> Cost:
    """What a query costs in a process of its own."""
    return run(
        [sys.executable, "-c", "import duckdb, sys; duckdb.connect().execute(sys.argv[1])", sql]
    )


def as_text(invoices: int, ending: str) -> Path:
    """The directory with generated tables in a format of text."""
    data, target = generated(invoices), RESULTS / f"{invoices}_{ending}"
    target.mkdir(exist_ok=True)
    for name in TABLES:
        file = target / f"{name}.{ending}"
        if not file.exists():
            rows = f"(from read_parquet('{data / name}.parquet'))"
            duckdb_query(f"copy {rows} to '{file}' (format {FORMATS[ending]})")
    return target


def typed_read(invoices: int, ending: str) -> str:
    """The query that reads the used columns of a file of text into a table, as they are typed."""
    described = duckdb.execute(
        f"describe from '{generated(invoices) / 'invoices.parquet'}'"
    ).fetchall()
    types = {name: type_ for name, type_, *_ in described}
    file = as_text(invoices, ending) / f"invoices.{ending}"
    if ending == "ndjson":
        types = {name: types[name] for name in COLUMNS.split(", ")}
    listed = ", ".join(f"{name}: '{type_}'" for name, type_ in types.items())
    reader = {
        "csv": f"read_csv('{file}', auto_detect = false, header = true, columns = {{{listed}}})",
        "ndjson": f"read_json('{file}', format = 'newline_delimited', columns = {{{listed}}})",
    }
    return f"create table invoices as select {COLUMNS} from {reader[ending]}"


def main() -> int:
    parser = argparse.ArgumentParser(description="Compare loading with a plain copy.")
    parser.add_argument("--invoices", type=int, default=10_000_000, help="in Parquet")
    parser.add_argument("--text-invoices", type=int, default=2_000_000, help="in CSV and NDJSON")
    parser.add_argument("--runs", type=int, default=3, help="default: %(default)s")
    parser.add_argument("--max-parquet", type=float, help="limit of the ratio")
    parser.add_argument("--max-text", type=float, help="limit of the ratio")
    arguments = parser.parse_args()

    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)

        def harness(command: str, home: str, *words: object) -> Cost:
            return run([*HARNESS, command, "--home", scratch / home, *words])

        def build(home: str) -> Cost:
            cost = harness("build", home, "--as-of", AS_OF_DATE)
            built = json.loads((scratch / home / "scratch" / "build.json").read_text())
            return replace(cost, seconds=built["elapsed_seconds"])

        parquet = generated(arguments.invoices, 0.01)
        rows = f"read_parquet('{parquet / 'invoices.parquet'}')"
        copy = f"copy (select {COLUMNS} from {rows}) to '{scratch / 'copy'}' (format parquet)"
        harness("load", "sample")
        contenders: dict[str, Callable[[], Cost]] = {
            "Parquet: copy": lambda: duckdb_query(copy),
            "Parquet: load": lambda: harness("load", "parquet", "--from", parquet),
            "build of the sample": lambda: build("sample"),
        }
        for ending in FORMATS:
            read = typed_read(arguments.text_invoices, ending)
            source = as_text(arguments.text_invoices, ending)
            contenders |= {
                f"{ending}: typed read": partial(duckdb_query, read),
                f"{ending}: load": partial(harness, "load", ending, "--from", source),
                f"{ending}: build": partial(build, ending),
            }
        costs = in_turns(contenders, arguments.runs)

    medians = {name: median_cost(each) for name, each in costs.items()}
    ratios = {"Parquet": medians["Parquet: load"].seconds / medians["Parquet: copy"].seconds}
    for ending in FORMATS:
        data_cost = medians[f"{ending}: build"] - medians["build of the sample"]
        work = medians[f"{ending}: load"].seconds + data_cost.seconds
        ratios[ending] = work / medians[f"{ending}: typed read"].seconds
    print(
        f"{arguments.invoices:,} invoices in Parquet, {arguments.text_invoices:,} in text,", end=""
    )
    print(f" median of {arguments.runs} runs\n")
    rows_shown = [
        (name, cost.seconds, cost.processor_seconds, cost.peak_memory / GB)
        for name, cost in medians.items()
    ]
    print(table(["", "seconds", "of all processors", "peak GB"], rows_shown))
    print("\n" + table(["ratio", ""], list(ratios.items())))
    save("load_ratio", arguments.invoices, {"ratios": ratios, "costs": costs})
    limits = dict.fromkeys(FORMATS, arguments.max_text) | {"Parquet": arguments.max_parquet}
    return int(any(limit is not None and ratios[name] > limit for name, limit in limits.items()))


if __name__ == "__main__":
    sys.exit(main())
