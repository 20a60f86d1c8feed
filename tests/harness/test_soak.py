"""Runs killed at random moments while others read: nobody ever sees a version that is not whole.

The number of kills is small here and large in `make soak`.
"""

import contextlib
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pytest
from conftest import CASES, Harness, copied, published_home
from lago_stub import KEY, running, saved
from test_ending import children, is_locked, until
from test_server import PATIENCE, QUILLFERN, Server, serving

from harness.collection.version import published
from harness.foundation.home import Home

READERS = Path(__file__).with_name("readers.py")
AS_OF_DATES = ("2026-06-17", "2026-04-30")

# Without being asked for more, the tests kill runs of the sample alone.
SOURCES = ("sample", "database", "api") if "SOAK_RUN_KILLS" in os.environ else ("sample",)
RUN_KILLS = int(os.environ.get("SOAK_RUN_KILLS", "2"))
PUBLISH_KILLS = int(os.environ.get("SOAK_PUBLISH_KILLS", "5"))
SEED = int(os.environ.get("SOAK_SEED", "7"))

SANDBOX = "5bb7fb0f-d8d9-415b-8725-460b8ce504db"
COMMANDS = ("run", "run", "load", "run", "report", "serve")
VICTIMS = ("the harness", "dbt", "the group")


@dataclass(frozen=True)
class Source:
    """Where runs load from, and an organization that is there."""

    name: str
    arguments: tuple[str, ...]
    organization_id: str


@pytest.fixture(params=SOURCES)
def source(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Source]:
    # dbt is a process that the harness itself has started.
    monkeypatch.delenv("LAGO_TESTS_DBT")
    if request.param == "sample":
        yield Source(request.param, (), QUILLFERN)
    elif request.param == "database":
        yield Source(request.param, ("--from", request.getfixturevalue("postgres").url), SANDBOX)
    else:
        monkeypatch.setenv("LAGO_API_KEY", KEY)
        with running(saved(CASES / "lago" / "api")) as lago:
            yield Source(request.param, ("--from", lago.url), SANDBOX)


@pytest.fixture
def home(source: Source, sample_home: Home, tmp_path: Path, harness: Harness) -> Home:
    if source.arguments:
        return published_home(tmp_path / "home", harness, *source.arguments)
    return copied(sample_home, tmp_path / "home")


@pytest.fixture
def server(source: Source, home: Home, tmp_path: Path) -> Iterator[Server]:
    with serving(home, tmp_path / "log", 30, source.organization_id) as running:
        yield running


class Readers:
    """Reading processes, until they are asked what they found."""

    def __init__(self, server: Server, organization_id: str, stop: Path) -> None:
        self._stop = stop
        common = [str(server.home.path), str(stop)]
        asking = [str(server.port), server.key, organization_id]
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
def readers(server: Server, source: Source, tmp_path: Path) -> Iterator[Readers]:
    running = Readers(server, source.organization_id, tmp_path / "stop")
    yield running
    running.kill()


def run_and_kill(home: Home, victim: str, seconds: float, *arguments: str) -> bool:
    """Run the harness and kill it, or what it started; whether that was before it had ended.

    dbt is killed so many seconds after it began. What is left of them ends by itself.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "harness", *arguments, "--home", str(home.path)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    with contextlib.suppress(subprocess.TimeoutExpired):
        if victim == "dbt":
            while process.poll() is None and not children(process.pid):
                time.sleep(0.01)
        _, errors = process.communicate(timeout=seconds)
        assert process.returncode == 0, errors
        return False
    killed = True
    if victim == "dbt":
        started = children(process.pid)
        for pid in started:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        _, errors = process.communicate(timeout=PATIENCE)
        assert "Traceback" not in errors
        killed = process.returncode != 0
        assert not killed or "dbt" in errors
    elif victim == "the group":
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.communicate()
    until(lambda: not is_locked(home), 10)
    return killed


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


def publish_and_kill(home: Home, seconds: float) -> bool:
    """Kill a publication so many seconds after it began to write; whether it had not ended."""
    process = subprocess.Popen(
        [sys.executable, "-m", "harness", "publish", "--home", str(home.path)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    before = set(home.published.iterdir())
    while process.poll() is None and set(home.published.iterdir()) <= before:
        time.sleep(0.002)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(seconds)
    process.kill()
    return process.wait() < 0


def report_progress(number: int, planned: int, what: str) -> None:
    if number % 50 == 0:
        print(f"{number} of {planned} {what} killed at {time.strftime('%H:%M:%S')}", flush=True)


def test_killed_runs_are_never_seen(
    source: Source, home: Home, server: Server, readers: Readers, harness: Harness, tmp_path: Path
) -> None:
    moments = random.Random(SEED)
    if not source.arguments:
        build = Build(home, tmp_path)
        build.renew()
        begun = time.monotonic()
        assert not publish_and_kill(home, PATIENCE)
        # It begins to write after half of its time.
        whole = (time.monotonic() - begun) / 2
        killed = 0
        for number in range(PUBLISH_KILLS):
            report_progress(number, PUBLISH_KILLS, "publications")
            build.renew()
            killed += publish_and_kill(home, moments.uniform(0, whole))
            assert not list(home.published.glob("2*/*.wal"))
        print(f"{killed} of {PUBLISH_KILLS} publications were killed before their end")
    # Longer after each that was killed, until one ends before its moment.
    seconds_of = defaultdict(lambda: 4.0, run=10.0)
    killed = 0
    for number in range(RUN_KILLS):
        report_progress(number, RUN_KILLS, f"runs of {source.name}")
        command = COMMANDS[number % len(COMMANDS)]
        victim = VICTIMS[number // len(COMMANDS) % len(VICTIMS)]
        if victim == "dbt" and command != "run":
            victim = "the group"
        given = {
            "run": (*source.arguments, "--as-of", AS_OF_DATES[number % 2]),
            "load": source.arguments,
            "serve": ("--port", "0"),
        }
        moment, begun = moments.uniform(0.2, seconds_of[command]), time.monotonic()
        if run_and_kill(home, victim, moment, command, *given.get(command, ())):
            killed += 1
            seconds_of[command] *= 1.05
        else:
            seconds_of[command] = time.monotonic() - begun
        assert not list(home.published.glob("2*/*.wal"))

    before = published(home).path.name
    last = harness("run", *source.arguments, "--as-of", "2026-03-31", home=home)
    assert last.returncode == 0, last.stderr
    version = published(home).path.name
    assert version > before
    kept = [path.name for path in home.published.iterdir() if not path.is_symlink()]
    assert not [name for name in kept if name.startswith(".")]
    assert len(kept) in (2, 3)
    status, _, body = server.ask("/health")
    assert (status, json.loads(body)["version"]) == (200, version)

    time.sleep(0.5)  # for the readers to see it, too
    found = readers.found()
    print(f"{killed} of {RUN_KILLS} runs were killed before their end")
    print(*({**each, "versions": len(each["versions"])} for each in found), sep="\n")
    for each in found:
        assert each["problems"] == []
        assert each["versions"][-1] == version
        assert len(each["versions"]) > 1
        assert each["reads"] > 20
    log = server.log.read_text()
    assert " 500\n" not in log
    assert "Traceback" not in log
