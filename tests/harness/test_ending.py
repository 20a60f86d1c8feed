"""A run that is told to end, or killed: dbt ends with it, soon, and one sentence says what is."""

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from conftest import Harness

from harness.foundation.home import Home

PATIENCE = 60
"""Seconds to wait for what takes a moment on a machine with nothing else to do."""

on_linux = pytest.mark.skipif(
    not Path("/proc/self/task").exists(), reason="only Linux tells the children of a process here"
)


@pytest.fixture
def home(sample_home: Home, tmp_path: Path) -> Home:
    shutil.copytree(sample_home.path, tmp_path / "home", symlinks=True)
    return Home(tmp_path / "home")


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


@on_linux
def test_dbt_ends_with_a_harness_that_is_killed(home: Home, harness: Harness) -> None:
    with started(home, "-m", "harness", "build") as process:
        until(lambda: children(process.pid))
        (dbt,) = children(process.pid)
        until((home.scratch / "collection.duckdb").exists)
        os.kill(dbt, signal.SIGSTOP)
        try:
            process.send_signal(signal.SIGKILL)
            process.wait()
            assert is_locked(home)
            refused = harness("build", home=home)
            assert refused.returncode == 2
            assert "is in use by process" in refused.stderr
        finally:
            os.kill(dbt, signal.SIGCONT)
        until(lambda: not lives(dbt), 5)
        assert not is_locked(home)
    again = harness("build", home=home)
    assert again.returncode == 0, again.stderr
    assert "Traceback" not in again.stderr
