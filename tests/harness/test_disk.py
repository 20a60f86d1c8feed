"""Faults of a real disk: what was loaded and published stays, and the message is true.

`make soak` has more moments, whole runs, and what only root may do.
"""

import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from conftest import OnDisk, copied
from test_server import QUILLFERN

from harness.collection.version import published
from harness.foundation.home import Home

FAULTS = int(os.environ.get("SOAK_DISK_FAULTS", "0"))
SEED = int(os.environ.get("SOAK_SEED", "7"))
REASONS = {
    "full": "the disk of --home is full; make room there, or give a --home on another disk",
    "read-only": "ead-only",
}

HERE = Path(__file__).parent
ADD = f"keys add --organization {QUILLFERN}"
WRITING = ("load", "build", "check", "publish", "report", "rollback", ADD)
READING = ("versions", "show", "invoices", "keys list")
# The build in a copy reads what the first has loaded.
COPY = "cp -a '{0}' home && sed -i \"s#{0}#$PWD/home#\" home/scratch/build.json"
EACH = """
import contextlib, importlib, io, json, os, pkgutil, sys
import harness
# Another user may be unable to read what is imported later.
for module in pkgutil.walk_packages(harness.__path__, "harness."):
    module.name.endswith("__main__") or importlib.import_module(module.name)
from harness.cli.outcome import outcome
if sys.argv[1]:
    os.setuid(int(sys.argv[1]))
for words in sys.argv[2:]:
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()) as to:
        code = outcome([*words.split(), "--home", "home"])
    print(json.dumps([words, code, (to.getvalue().splitlines() or [""])[-1]]))
"""


@pytest.fixture
def home(sample_home: Home, tmp_path: Path) -> Home:
    """Two versions of the sample, the newer one checked and published."""
    copy = copied(sample_home, tmp_path / "home")
    older = published(copy).path
    shutil.copytree(older, older.with_name("20200101T000000Z-00000000"))
    return copy


def judge(output: str, writing: Sequence[str], reading: Sequence[str], expected: str) -> None:
    """Each command that writes has failed with this message, each that reads has succeeded."""
    outcomes = [json.loads(line) for line in output.splitlines()]
    assert [words for words, *_ in outcomes] == [*writing, *reading]
    for words, code, last in outcomes:
        if words in writing:
            assert (code, last) == (2, f"error: {expected}"), words
        else:
            assert code == 0, (words, last)


def test_a_disk_that_is_read_only_is_said_and_read(home: Home, on_disk: OnDisk) -> None:
    script = f"{COPY.format(home.path)} && mount -o remount,ro . && exec \"$0\" -c '{EACH}' '' "
    process = on_disk("100m", script + " ".join(f"'{each}'" for each in (*WRITING, *READING)))
    assert process.returncode == 0, process.stderr
    expected = (
        f"{home.path.parent}/disk/home cannot be written (Read-only file system): its disk is"
        " mounted read-only, at least for this process; make it writable, or give another --home"
    )
    judge(process.stdout, WRITING, READING, expected)


@pytest.mark.parametrize("command", ["load", "publish", *(["run"] if FAULTS else [])])
@pytest.mark.parametrize("kind", REASONS)
def test_a_disk_that_fails_loses_nothing(
    kind: str, command: str, home: Home, on_disk: OnDisk
) -> None:
    moments = random.Random(SEED)
    shares = " ".join(f"{moments.uniform(0.2, 1):.3f}" for _ in range(FAULTS or 1))
    program = f"exec \"$0\" '{HERE}/faulty_disk.py' {kind} {command} {shares}"
    process = on_disk("64m", f"{COPY.format(home.path)} && {program}")
    assert process.returncode == 0, process.stderr
    outcomes = [json.loads(line) for line in process.stdout.splitlines()]
    failed = [each for each in outcomes if each["code"]]
    print(f"{len(failed)} of {len(outcomes)} {command} on a disk that becomes {kind} failed")
    version = published(home).path.name
    for each in outcomes:
        assert "Traceback" not in each["said"]
        if each["code"]:
            assert each["code"] == 2
            assert REASONS[kind] in each["said"].splitlines()[-1]
        assert each["version"] >= version
        version = each["version"]


if FAULTS and not os.getuid():

    def in_home(home: Home, user: str, *commands: str) -> str:
        return subprocess.run(
            [sys.executable, "-c", EACH, user, *commands],
            cwd=home.path.parent,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        ).stdout

    @pytest.mark.parametrize("part", [".", "raw", "scratch", "published"])
    def test_what_nobody_may_change_is_said(part: str, home: Home) -> None:
        place = home.path / part
        writing = [ADD] if part == "." else WRITING[:-1]
        subprocess.run(["chattr", "+i", place], check=True)
        try:
            output = in_home(home, "", *writing, *READING)
        finally:
            subprocess.run(["chattr", "-i", place], check=True)
        expected = (
            f"{place} cannot be written (Operation not permitted): it may be immutable, or this"
            " process be confined (lsattr -d shows the former); make it writable, or give another"
            " --home"
        )
        judge(output, writing, READING, expected)

    def test_the_home_of_another_user_is_said_and_read(home: Home) -> None:
        with tempfile.TemporaryDirectory() as directory:
            Path(directory).chmod(0o755)
            theirs = copied(home, Path(directory) / "home")
            output = in_home(theirs, "65534", *WRITING, "versions", "show")
        expected = (
            f"{theirs.path} cannot be written (Permission denied): give this user the right to, or"
            " give another --home"
        )
        judge(output, WRITING, ("versions", "show"), expected)
