"""How much of the machine DuckDB may use, and what to do where that is not enough."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from harness.foundation.errors import HarnessError

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection


@dataclass(frozen=True)
class Resources:
    """The limits of --memory-limit and --threads; None leaves it to DuckDB."""

    memory_limit: str | None = None
    """Such as 2GB or 512MiB. DuckDB's own: 80% of the machine's memory."""
    threads: int | None = None
    """DuckDB's own: one for each processor."""

    def config(self, temporary: Path) -> dict[str, str | bool | int | float | list[str]]:
        """DuckDB's configuration, with a directory for what does not fit into memory."""
        limits = {"memory_limit": self.memory_limit, "threads": self.threads}
        given = {name: value for name, value in limits.items() if value is not None}
        return {"temp_directory": str(temporary), **given}

    def connect(self, temporary: Path) -> "DuckDBPyConnection":
        """A connection to a database in memory that keeps to the limits."""
        import duckdb

        return duckdb.connect(config=self.config(temporary))


UNLIMITED = Resources()


def machine_fault(message: str) -> HarnessError | None:
    """The error to raise where a message of DuckDB or of the system blames memory or disk."""
    if "max_temp_directory_size" in message or "No space left on device" in message:
        return HarnessError(
            "the disk of --home is full; make room there, or give a --home on another disk; what"
            " was published before stays"
        )
    if "Read-only file system" in message:
        return HarnessError(
            "the file system of --home has become read-only; the system's log says why; what was"
            " published before stays"
        )
    if "Out of Memory Error" in message:
        used = re.search(r"/([0-9.]+ \w+) used", message)
        limit = f" of {used[1]}" if used else ""
        return HarnessError(
            f"DuckDB has reached its memory limit{limit}; raise it with --memory-limit, or let "
            "fewer --threads share it; what was published before stays"
        )
    return None
