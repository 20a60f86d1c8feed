"""A run that is told to end, or killed: dbt ends with it, soon, and one sentence says what is."""

import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from conftest import Harness, Postgres, copied

from harness.collection.version import published
from harness.foundation.home import Home

UNTOUCHED = "interrupted; the published version is untouched"
PATIENCE = 60
"""Seconds to wait for what takes a moment on a machine with nothing else to do."""

on_linux = pytest.mark.skipif(
    not Path("/proc/self/task").exists(), reason="only Linux tells the children of a process here"
)


@pytest.fixture
def home(sample_home: Home, tmp_path: Path) -> Home:
    return copied(sample_home, tmp_path / "home")


@pytest.fixture(scope="module")
def parsed(sample_home: Home, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home in which dbt reads the whole project only the first time."""
    return copied(sample_home, tmp_path_factory.mktemp("ending") / "home")


@pytest.fixture(autouse=True)
def _no_quick_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """dbt is the process that the harness has started, and no other."""
    monkeypatch.delenv("LAGO_TESTS_DBT")


@contextmanager
def started(home: Home, *command: str) -> Iterator[subprocess.Popen[str]]:
    """A process on the home, killed at last where it has not ended."""
    process = subprocess.Popen(
        [sys.executable, *command, "--home", str(home.path)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def until(condition: Callable[[], object], seconds: float = PATIENCE) -> None:
    """Wait for something to be so."""
    last = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < last
        time.sleep(0.02)


def children(pid: int) -> list[int]:
    """The processes that a process has started."""
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def lives(pid: int) -> bool:
    """Whether there is such a process, and not only its exit code."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def is_locked(home: Home) -> bool:
    with (home.path / ".run.lock").open() as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def told_to_end(process: subprocess.Popen[str], number: int) -> list[str]:
    """Tell a process to end; returns what it said. It may take two seconds."""
    process.send_signal(number)
    at = time.monotonic()
    _, errors = process.communicate(timeout=10)
    assert time.monotonic() - at < 3  # two, and one for a machine with other work
    assert process.returncode == 128 + number, errors
    assert "Traceback" not in errors
    assert "error" not in errors
    return errors.splitlines()


@on_linux
def test_dbt_ends_with_a_harness_that_is_killed(parsed: Home, harness: Harness) -> None:
    with started(parsed, "-m", "harness", "build") as process:
        until(lambda: children(process.pid))
        (dbt,) = children(process.pid)
        until((parsed.scratch / "collection.duckdb").exists)
        os.kill(dbt, signal.SIGSTOP)
        try:
            process.send_signal(signal.SIGKILL)
            process.wait()
            assert is_locked(parsed)
            refused = harness("build", home=parsed)
            assert refused.returncode == 2
            assert "is in use by process" in refused.stderr
        finally:
            os.kill(dbt, signal.SIGCONT)
        until(lambda: not lives(dbt) and not is_locked(parsed), 5)
    again = harness("build", home=parsed)
    assert again.returncode == 0, again.stderr
    assert "Traceback" not in again.stderr


@on_linux
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_build_that_is_told_to_end_ends_with_dbt(number: int, parsed: Home) -> None:
    with started(parsed, "-m", "harness", "build") as process:
        until(lambda: children(process.pid))
        (dbt,) = children(process.pid)
        until((parsed.scratch / "collection.duckdb").exists)
        assert told_to_end(process, number)[-1] == UNTOUCHED
        assert not lives(dbt)
        # The first thread of a process may be gone before the last.
        until(lambda: not is_locked(parsed), 5)


def test_a_signal_that_is_turned_off_stays_so(home: Home) -> None:
    (home.path / ".run.lock").unlink()
    ignoring = "import signal, sys; signal.signal(signal.SIGHUP, signal.SIG_IGN);"
    ignoring += "from harness.cli.main import main; main()"
    with started(home, "-c", ignoring, "load") as process:
        until((home.path / ".run.lock").exists)
        process.send_signal(signal.SIGHUP)
        assert process.wait(PATIENCE) == 0


# A step that would go on for hours, in the place of one of the harness.
STUCK = """
import sys, time
from pathlib import Path
from types import SimpleNamespace
from harness.cli import main, make
from harness.load import landing
from harness.report import writing

def stuck(where):
    def step(self, *_):
        Path(sys.argv[-1], "stuck").touch()
        where(self)
    return step

def query(self):
    with landing.watching(self.connection, "landing"):
        self.connection.execute("select count(*) from range(1000000000000) where hash(range) = 1")

if sys.argv[1] == "load":
    landing.Landing.copy = stuck(query)
else:
    make._load, make._load_line = lambda *_, **__: None, lambda _: "loaded"
    make.build, make._build_line = lambda *_: None, lambda _: "built"
    make.check, make.as_text = lambda *_: SimpleNamespace(passed=True), lambda *_, **__: []
    writing.write_report = stuck(lambda _: time.sleep(3600))
main.main()
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_query_that_is_told_to_end_ends(number: int, home: Home) -> None:
    with started(home, "-c", STUCK, "load") as process:
        until((home.path / "stuck").exists)
        time.sleep(0.3)
        assert told_to_end(process, number)[-1] == UNTOUCHED
    assert [path.name for path in home.raw.parent.iterdir() if path.name.startswith(".")] == []


def test_who_interrupts_the_report_is_told_what_is_published(home: Home) -> None:
    before = published(home).path
    with started(home, "-c", STUCK, "run") as process:
        until((home.path / "stuck").exists)
        *_, last = told_to_end(process, signal.SIGINT)
    now = published(home).path
    assert now != before
    assert last == f"interrupted; version {now.name} is already published, and stays"


def test_slow_rows_of_a_database_do_not_hold_up_the_end(home: Home, postgres: Postgres) -> None:
    before = (home.raw / "load.json").read_text()
    postgres.psql(
        "create schema slow",
        "create view slow.organizations as"
        " select organizations.* from organizations, (select pg_sleep(60)) as slow",
        "create view slow.invoices as select * from invoices",
        "grant usage on schema slow to reader",
        "grant select on slow.organizations, slow.invoices to reader",
    )
    reading = "select count(*) from pg_stat_activity where query like 'COPY%slow%organizations%'"
    try:
        source = ("--from", postgres.url, "--schema", "slow")
        with started(home, "-m", "harness", "load", *source) as process:
            until(lambda: process.poll() is not None or postgres.psql(reading) != "0\n")
            *_, last = told_to_end(process, signal.SIGINT)
        assert last == UNTOUCHED
        assert (home.raw / "load.json").read_text() == before
    finally:
        ended = "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'reader'"
        postgres.psql(ended, "drop schema slow cascade")


# What takes longest to import takes for ever.
IMPORTS = """
import sys, time
from pathlib import Path

class Stuck:
    @staticmethod
    def find_spec(name, *_):
        if name == "duckdb":
            Path(sys.argv[-1], "stuck").touch()
            time.sleep(3600)

sys.meta_path.insert(0, Stuck)
from harness.cli.main import main
main()
"""


def test_whoever_is_interrupted_at_the_start_is_told_no_more(home: Home) -> None:
    with started(home, "-c", IMPORTS, "show") as process:
        until((home.path / "stuck").exists)
        assert told_to_end(process, signal.SIGINT) == [UNTOUCHED]
