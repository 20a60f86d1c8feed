"""How far long work has come, on standard error."""

import contextlib
import re
import shutil
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from harness.foundation.ending import is_told

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


@dataclass
class Progress:
    """A bar that is redrawn on a terminal; elsewhere a line now and then."""

    started: float = field(default_factory=time.monotonic)
    shown: float = field(default_factory=time.monotonic)
    width: int = 0

    def show(self, share: float, detail: str = "") -> None:
        """Show that this share of the work, 0 to 1, is done, unless that was shown just now."""
        terminal = sys.stderr.isatty()
        now = time.monotonic()
        if now - self.shown < (0.2 if terminal else 10):
            return
        self.shown = now
        elapsed = now - self.started
        # Earlier, it would be a guess.
        left = f", {elapsed * (1 - share) / share:.0f} s left" if share >= 0.1 else ""
        bar = ("#" * round(share * 10)).ljust(10, ".")
        line = f"[{bar}] {share:4.0%}, {elapsed:.0f} s{left}{detail}"
        if terminal:
            # A line that the terminal breaks is not drawn over, but left behind.
            line = line[: shutil.get_terminal_size().columns - 1]
            _write(f"\r{line.ljust(self.width)}")
            self.width = len(line)
        else:
            _write(f"{line}\n")

    def end(self) -> None:
        """Clear the bar."""
        if self.width:
            _write(f"\r{' ' * self.width}\r")


@contextlib.contextmanager
def watching(
    connection: "DuckDBPyConnection", work: str, total: int | None = None, unit: str = "rows"
) -> Iterator[None]:
    """Show how far the query is that runs in here, and how fast it goes through the total."""
    ended = threading.Event()
    progress = Progress()

    def watch() -> None:
        while not ended.wait(0.2):
            share = max(0.0, connection.query_progress()) / 100
            detail = f", {work}"
            if total and share:
                rate = share * total / (time.monotonic() - progress.started)
                detail += f", {rate:,.0f} {unit} a second"
            progress.show(share, detail)

    connection.execute("set enable_progress_bar = true; set enable_progress_bar_print = false")
    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        yield
    except BaseException:
        # Else the threads of DuckDB work on, and whoever closes the connection waits for them.
        connection.interrupt()
        raise
    finally:
        ended.set()
        watcher.join()
        progress.end()


def say(text: str) -> None:
    """Print a line, if anybody is there to read it."""
    _write(visible(text, kept="\n\t") + "\n")


def visible(text: str, kept: str = "") -> str:
    """A text with its control characters, which names may have, as escapes, but for those kept."""
    return _CONTROL.sub(lambda found: found[0] if found[0] in kept else repr(found[0])[1:-1], text)


def _write(text: str) -> None:
    # Once told to end, there is one more sentence, and that is not written here.
    if is_told():
        return
    # The work goes on where the terminal is closed, or the pipe.
    with contextlib.suppress(OSError):
        sys.stderr.write(text)
        sys.stderr.flush()
