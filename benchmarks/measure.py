"""What the benchmarks share: running commands in turns, medians, tables."""

import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parent
RESULTS = HERE / "results"
GB = 1e9

# ru_maxrss is in bytes on macOS, in kilobytes elsewhere.
_MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024


@dataclass(frozen=True)
class Cost:
    """Seconds by the clock and of all processors, and the most bytes that one process held."""

    seconds: float
    processor_seconds: float
    peak_memory: int = 0

    def __sub__(self, other: "Cost") -> "Cost":
        """What this costs more; the memory is this one's."""
        return Cost(
            self.seconds - other.seconds,
            self.processor_seconds - other.processor_seconds,
            self.peak_memory,
        )


def run(command: Sequence[object], **environment: str) -> Cost:
    """What a command costs, its own processes included; ends the benchmark where it fails.

    Its standard output goes to standard error.
    """
    started = time.perf_counter()
    process = subprocess.Popen(
        [str(word) for word in command],
        cwd=PROJECT,
        env=os.environ | environment,
        stdout=sys.stderr,
    )
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(map(str, command))} failed; its messages are above.")
    return Cost(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * _MAXRSS_UNIT)


def in_turns(contenders: Mapping[str, Callable[[], Cost]], runs: int) -> dict[str, list[Cost]]:
    """What every run of every contender cost, after a round that only fills the caches.

    Where there is but one run, it is the first, for a quick look.
    """
    costs: dict[str, list[Cost]] = {name: [] for name in contenders}
    for number in range(int(runs == 1), runs + 1):
        for name, contend in contenders.items():
            cost = contend()
            if number:
                costs[name].append(cost)
        done = f"round {number} of {runs}" if number else "round to fill the caches"
        print(done, file=sys.stderr)
    return costs


def median_cost(costs: Sequence[Cost]) -> Cost:
    """Of each measure the median, of memory the most."""
    return Cost(
        median(cost.seconds for cost in costs),
        median(cost.processor_seconds for cost in costs),
        max(cost.peak_memory for cost in costs),
    )


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A table in Markdown, numbers to the right."""
    texts = [[_text(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(header, *texts, strict=True)]
    is_number = [all(isinstance(row[at], int | float) for row in rows) for at in range(len(header))]

    def line(cells: Sequence[str]) -> str:
        return (
            "| "
            + " | ".join(
                cell.rjust(width) if number else cell.ljust(width)
                for cell, width, number in zip(cells, widths, is_number, strict=True)
            )
            + " |"
        )

    rule = [
        "-" * (width - 1) + (":" if number else "-")
        for width, number in zip(widths, is_number, strict=True)
    ]
    return "\n".join([line(header), line(rule), *map(line, texts)])


def _text(cell: object) -> str:
    if isinstance(cell, float):
        return f"{cell:,.2f}"
    return f"{cell:,}" if isinstance(cell, int) else str(cell)


def save(name: str, invoices: int, content: Mapping[str, Any]) -> None:
    """Write what was measured, and on what, to a JSON file in the folder of results."""
    RESULTS.mkdir(exist_ok=True)
    file = RESULTS / f"{name}_{invoices}.json"
    result = {"invoices": invoices, "machine": machine(), **content}
    file.write_text(json.dumps(result, indent=2, default=asdict) + "\n", encoding="utf-8")


def machine() -> dict[str, object]:
    """What the figures depend on besides the project."""
    names = ("duckdb", "dbt-core", "dbt-duckdb", "polars")
    return {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "processors": os.cpu_count(),
        "load_average": os.getloadavg(),
        "python": platform.python_version(),
        **{name: version(name) for name in names},
    }


def generated(invoices: int, versions: float = 0.0) -> Path:
    """The directory with generated tables, made where they are not there yet.

    They come from a process of their own: a child's peak memory starts at what its parent held.
    """
    data = RESULTS / f"{invoices}{'_with_versions' if versions else ''}"
    if not (data / "customers.parquet").exists():
        run(
            [sys.executable, HERE / "generate.py", data, "--invoices", invoices]
            + (["--versions", versions] if versions else [])
        )
    return data
