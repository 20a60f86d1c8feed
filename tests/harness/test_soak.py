"""Runs killed at random moments while others read: nobody ever sees a version that is not whole.

The number of kills is small here and large in `make soak`.
"""

import contextlib
import hashlib
import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
from conftest import Harness
from test_ending import is_locked, until
from test_server import PATIENCE, QUILLFERN, Server, serving

from harness.collection.collection import published
from harness.foundation.home import Home

READERS = Path(__file__).with_name("readers.py")
AS_OF_DATES = ("2026-06-17", "2026-04-30")
SECONDS_OF_A_RUN = 14  # or less, on most machines

RUN_KILLS = int(os.environ.get("SOAK_RUN_KILLS", "2"))
PUBLISH_KILLS = int(os.environ.get("SOAK_PUBLISH_KILLS", "8"))
SEED = int(os.environ.get("SOAK_SEED", "7"))


@pytest.fixture
def home(sample_home: Home, tmp_path: Path) -> Home:
    shutil.copytree(sample_home.path, tmp_path / "home", symlinks=True)
    return Home(tmp_path / "home")


@pytest.fixture
def server(home: Home, tmp_path: Path) -> Iterator[Server]:
    with serving(home, tmp_path / "log", seconds=30) as running:
        yield running


class Readers:
    """Reading processes, until they are asked what they found."""

    def __init__(self, server: Server, stop: Path) -> None:
        self._stop = stop
        common = [str(server.home.path), str(stop)]
        asking = [str(server.port), server.key, QUILLFERN]
        self._processes = [
            subprocess.Popen(
                [sys.executable, str(READERS), *arguments], stdout=subprocess.PIPE, text=True
            )
            for arguments in (["files", *common], ["http", *common, *asking])
        ]

    def found(self) -> list[dict[str, Any]]:
        self._stop.touch()
        outputs = [process.communicate(timeout=PATIENCE)[0] for process in self._processes]
        return [json.loads(output) for output in outputs]

    def kill(self) -> None:
        for process in self._processes:
            process.kill()
            process.wait()


@pytest.fixture
def readers(server: Server, tmp_path: Path) -> Iterator[Readers]:
    running = Readers(server, tmp_path / "stop")
    yield running
    running.kill()


def run_and_kill(home: Home, seconds: float, *arguments: str) -> None:
    """Run the harness and kill it alone, unless it ends before; dbt ends with it, then."""
    command = [sys.executable, "-m", "harness", *arguments, "--home", str(home.path)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with contextlib.suppress(subprocess.TimeoutExpired):
        assert process.wait(seconds) == 0
        return
    process.kill()
    process.wait()
    until(lambda: not is_locked(home), 10)


class Build:
    """The checked build of a home, to be published again and again with other figures."""

    def __init__(self, home: Home, directory: Path) -> None:
        self._home = home
        self._original = shutil.copytree(home.scratch, directory / "build")
        self._number = 0

    def renew(self) -> None:
        """Put a build with figures of its own in place, checked as it seems."""
        self._number += 1
        fresh = self._home.scratch / "fresh.duckdb"
        shutil.copy(self._original / "collection.duckdb", fresh)
        with duckdb.connect(str(fresh)) as connection:
            connection.execute(
                "update invoice_collection set amount_cents = amount_cents + ?", [self._number]
            )
        fresh.replace(self._home.scratch / "collection.duckdb")
        digest = hashlib.sha256((self._home.scratch / "collection.duckdb").read_bytes())
        checked = json.loads((self._original / "check.json").read_text())
        (self._home.scratch / "check.json").write_text(
            json.dumps(checked | {"scratch_sha256": digest.hexdigest()})
        )


def publish_and_kill(home: Home, seconds: float) -> float:
    """Kill a publication so many seconds after it began to write; how long it was at it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "harness", "publish", "--home", str(home.path)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    before = set(home.published.iterdir())
    while process.poll() is None and set(home.published.iterdir()) <= before:
        time.sleep(0.002)
    begun = time.monotonic()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(seconds)
    process.kill()
    process.wait()
    return time.monotonic() - begun


def test_killed_runs_are_never_seen(
    home: Home, server: Server, readers: Readers, harness: Harness, tmp_path: Path
) -> None:
    moments = random.Random(SEED)
    build = Build(home, tmp_path)
    build.renew()
    whole = publish_and_kill(home, PATIENCE)
    for _ in range(PUBLISH_KILLS):
        build.renew()
        publish_and_kill(home, moments.uniform(0, 1.2 * whole))
        assert not list(home.published.glob("2*/*.wal"))
    for number in range(RUN_KILLS):
        as_of = AS_OF_DATES[(number + 1) % 2]
        run_and_kill(home, moments.uniform(0.5, SECONDS_OF_A_RUN), "run", "--as-of", as_of)
        assert not list(home.published.glob("2*/*.wal"))

    before = published(home).path.name
    last = harness("run", "--as-of", "2026-03-31", home=home)
    assert last.returncode == 0, last.stderr
    version = published(home).path.name
    assert version > before
    kept = [path.name for path in home.published.iterdir() if not path.is_symlink()]
    assert not [name for name in kept if name.startswith(".")]
    assert len(kept) == 3
    status, _, body = server.ask("/health")
    assert (status, json.loads(body)["version"]) == (200, version)

    time.sleep(0.5)  # for the readers to see it, too
    found = readers.found()
    print(*({**each, "versions": len(each["versions"])} for each in found), sep="\n")
    for each in found:
        assert each["problems"] == []
        assert each["versions"][-1] == version
        assert len(each["versions"]) > 2
        assert each["reads"] > 20
    log = server.log.read_text()
    assert " 500\n" not in log
    assert "Traceback" not in log
