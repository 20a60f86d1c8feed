"""What is installed away from its repository: the wheel, the image's commands, systemd's units."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import distribution
from importlib.util import cache_from_source
from pathlib import Path
from time import monotonic, sleep

import pytest
from packaging.requirements import Requirement

from harness.foundation.home import PROJECT

CONTAINERFILE = (PROJECT / "Containerfile").read_text()
# Commands of the image that no test runs: how they begin, and why.
LEFT_OUT = {
    ".venv/bin/python -m pip install --no-cache-dir --require-hashes": "it downloads everything",
    "useradd": "it adds a user to the machine",
}
UNITS = PROJECT / "examples" / "systemd"


@dataclass(frozen=True)
class Place:
    """A directory that everybody may read, and a user who may write nothing of what is in it."""

    directory: Path
    python: str
    as_user: list[str]

    def workplace(self) -> Path:
        """An empty directory of that user's."""
        path = Path(tempfile.mkdtemp(dir=self.directory))
        path.chmod(0o777)
        return path

    def environment(self, programs: Path) -> dict[str, str]:
        """That user's variables: nothing of this process's, and no home."""
        return {"PATH": f"{programs}:{os.defpath}", "HOME": "/nonexistent"}

    def run(self, programs: Path, cwd: Path, *command: object) -> subprocess.CompletedProcess[str]:
        """Run a command as that user; its program is looked for among `programs` first."""
        return subprocess.run(
            [*self.as_user, "env", *map(str, command)],
            cwd=cwd,
            env=self.environment(programs),
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )


def other_user() -> tuple[str, list[str]]:
    """A Python of this version, and how to run it as somebody who owns nothing here.

    Whoever is not root is already kept out by what is read-only. Root becomes `nobody` where that
    user can run such a Python, and else gives up root's privileges.
    """
    if os.geteuid():
        return sys._base_executable, []  # type: ignore[attr-defined, no-any-return]
    nobody = [shutil.which("runuser") or "", "-u", "nobody", "--"]
    powerless = [shutil.which("setpriv") or "", "--bounding-set=-all", "--inh-caps=-all", "--"]
    check = f"import sys, venv; sys.exit(sys.version_info[:2] != {sys.version_info[:2]})"
    own = sys._base_executable  # type: ignore[attr-defined]
    for python, as_user in ((own, nobody), ("/usr/bin/python3", nobody), (own, powerless)):
        if as_user[0] and Path(python).exists():
            tried = subprocess.run([*as_user, python, "-c", check], cwd="/", capture_output=True)
            if tried.returncode == 0:
                return python, as_user
    pytest.skip("neither runuser nor setpriv is here to run Python as another user")


def copy_runtime(target: Path) -> None:
    """Copy what requirements.txt names from this environment into another's site-packages."""
    for line in re.findall(r"^([a-z].*) \\$", (PROJECT / "requirements.txt").read_text(), re.M):
        requirement = Requirement(line)
        if requirement.marker and not requirement.marker.evaluate():
            continue
        for file in distribution(requirement.name).files or ():
            source = Path(str(file.locate()))
            compiled = Path(cache_from_source(str(source)))
            for path in {source, compiled} if source.suffix == ".py" else {source}:
                copy = target / file.parent / path.relative_to(source.parent)
                if ".." not in file.parts and path.exists():
                    copy.parent.mkdir(parents=True, exist_ok=True)
                    shutil.copy2(path, copy)


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    """A directory outside of pytest's own, which nobody else may enter."""
    python, as_user = other_user()
    directory = Path(tempfile.mkdtemp(prefix="lago-install-"))
    directory.chmod(0o755)
    try:
        yield Place(directory, python, as_user)
    finally:
        subprocess.run(["chmod", "-R", "u+w", directory], check=True)
        shutil.rmtree(directory)


@pytest.fixture(scope="module")
def wheel(place: Place) -> Path:
    """The wheel, built without a network."""
    words = ["wheel", "--quiet", "--no-index", "--no-build-isolation", "--no-deps"]
    subprocess.run(
        [sys.executable, "-m", "pip", *words, "--wheel-dir", place.directory / "dist", PROJECT],
        check=True,
        timeout=120,
    )
    (wheel,) = (place.directory / "dist").iterdir()
    return wheel


@pytest.fixture(scope="module")
def programs(place: Place, wheel: Path) -> Path:
    """The programs of an environment with the wheel and what it needs, which nobody may change."""
    environment = place.directory / "environment"
    subprocess.run([place.python, "-m", "venv", "--without-pip", environment], check=True)
    (packages,) = environment.glob("lib/*/site-packages")
    copy_runtime(packages)
    python = environment / "bin" / "python"
    words = ["--python", python, "install", "--quiet", "--no-index", "--no-deps", wheel]
    subprocess.run([sys.executable, "-m", "pip", *words], check=True, timeout=120)
    subprocess.run(["chmod", "-R", "a+rX,a-w", environment], check=True)
    return environment / "bin"


@pytest.fixture(scope="module")
def sample(place: Place, programs: Path) -> Path:
    """The empty directory in which another user has run `harness run`, as the README has it."""
    directory = place.workplace()
    before = sorted(programs.parent.rglob("*"))
    process = place.run(programs, directory, "harness", "run")
    assert process.returncode == 0, process.stderr
    # Quillfern's euros of twelve months in tests/cases/sample.csv.
    assert re.search(r"37,875\.17 .* 368,514\.78 .* 14,589\.03", process.stdout), process.stdout
    assert sorted(programs.parent.rglob("*")) == before
    return directory


def test_the_sample_runs_in_an_empty_directory(place: Place, programs: Path, sample: Path) -> None:
    assert [path.name for path in sample.iterdir()] == ["warehouse"]
    assert (sample / "warehouse/published/current/report.html").is_file()
    text = place.run(programs, sample, "harness", "run", "--help").stdout
    assert "./warehouse" in text


def test_a_dump_runs_in_another_directory(place: Place, programs: Path) -> None:
    directory = place.workplace()
    dump = directory / "dump"
    dump.mkdir()
    (dump / "organizations.csv").write_text("id,created_at\no,2026-01-05 10:00:00\n")
    (dump / "invoices.csv").write_text(
        "id,organization_id,status,payment_status,issuing_date,currency,total_amount_cents\n"
        "a,o,finalized,succeeded,2026-01-31,EUR,1000\n"
        "b,o,finalized,succeeded,2026-01-31,EUR,-1\n"
        "c,o,draft,pending,2026-01-31,EUR,5\n"
    )
    run = place.run(programs, directory, "harness", "run", "--from", dump, "--as-of", "2026-02-01")
    assert run.returncode == 0, run.stderr
    get = place.run(programs, directory, "harness", "get", "/api/v1/analytics/invoice_collection")
    assert json.loads(get.stdout) == {
        "invoice_collections": [
            {
                "month": "2026-01-01T00:00:00.000Z",
                "payment_status": "succeeded",
                "invoices_count": 2,
                "amount_cents": 999,
                "currency": "EUR",
            },
            {"month": "2026-02-01T00:00:00.000Z", "invoices_count": 0, "amount_cents": 0},
        ]
    }


def test_the_wheel_has_what_dbt_reads_and_no_more(wheel: Path) -> None:
    packed = {
        name.removeprefix("harness/project/")
        for name in zipfile.ZipFile(wheel).namelist()
        if name.startswith("harness/project/")
    }
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    of_dbt = r"(macros|models|seeds/(lago|reference)|tests/(data|generic))/|tests/cases/sample\."
    files = {name for name in listed if re.match(of_dbt, name) and (PROJECT / name).exists()}
    assert packed == files | {".dbtignore", "dbt_project.yml", "profiles.yml"}


def image() -> list[tuple[str, str]]:
    """The instructions of the Containerfile and what follows each."""
    text = re.sub(r"^#.*\n", "", CONTAINERFILE, flags=re.M).replace("\\\n", " ")
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in text.splitlines())]


@pytest.fixture(scope="module")
def built(place: Place, programs: Path) -> Path:
    """The directory in which another user has done what the image's first stage does."""
    directory = place.workplace()
    (place.directory / "bin").mkdir()
    (place.directory / "bin" / "python").symlink_to(place.python)
    done = set()
    for word, rest in image():
        done |= {start for start in LEFT_OUT if word == "RUN" and rest.startswith(start)}
        if word == "COPY" and not rest.startswith("--from"):
            *sources, target = rest.split()
            for source in sources:
                copy = directory / target / ("" if target.startswith(".") else ".")
                if (PROJECT / source).is_dir():
                    ignored = shutil.ignore_patterns("__pycache__")
                    shutil.copytree(PROJECT / source, copy, ignore=ignored)
                else:
                    shutil.copy(PROJECT / source, copy)
        elif word == "RUN" and not any(rest.startswith(start) for start in LEFT_OUT):
            process = place.run(place.directory / "bin", directory, "sh", "-euc", rest)
            assert process.returncode == 0, process.stdout + process.stderr
            for packages in directory.glob(".venv/lib/*/site-packages"):
                # For what the requirements would have brought.
                packages.chmod(0o777)
                (there,) = programs.parent.glob("lib/*/site-packages")
                (packages / "requirements.pth").write_text(f"{there}\n")
    assert done == LEFT_OUT.keys()
    return directory


def test_the_image_gets_the_files_of_the_wheel(wheel: Path, built: Path) -> None:
    (packages,) = built.glob(".venv/lib/*/site-packages")
    files = {
        str(path.relative_to(packages))
        for path in (packages / "harness").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    packed = zipfile.ZipFile(wheel).namelist()
    assert files == {name for name in packed if name.startswith("harness/")}


def test_the_image_serves_and_is_healthy(place: Place, built: Path, sample: Path) -> None:
    given = dict(image())
    command = json.loads(given["ENTRYPOINT"]) + json.loads(given["CMD"])
    _, _, health = given["HEALTHCHECK"].partition(" CMD ")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    assert given["EXPOSE"] in health
    health = health.replace(given["EXPOSE"], port)
    # On this machine only; the image's own network is another.
    command[command.index("0.0.0.0")] = "127.0.0.1"
    programs = built / ".venv" / "bin"
    unhealthy = place.run(programs, sample, "sh", "-c", health)
    assert unhealthy.returncode == 1
    server = subprocess.Popen(
        [*place.as_user, "env", *command, "--port", port],
        cwd=sample,
        env=place.environment(programs) | {"LAGO_COLLECTION_HOME": str(sample / "warehouse")},
        stderr=subprocess.DEVNULL,
    )
    try:
        deadline = monotonic() + 30
        while place.run(programs, sample, "sh", "-c", health).returncode:
            assert monotonic() < deadline
            assert server.poll() is None
            sleep(0.2)
    finally:
        server.terminate()
        server.wait(timeout=30)


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """systemd's units, with the harness where it is here."""
    if not shutil.which("systemd-analyze"):
        pytest.skip("there is no systemd-analyze here; install systemd")
    copy = shutil.copytree(UNITS, tmp_path / "units")
    for unit in copy.glob("*.service"):
        text = unit.read_text()
        unit.write_text(
            text.replace("/opt/invoice-collection/.venv/bin", str(Path(sys.prefix, "bin")))
        )
    return copy


def test_systemd_takes_the_units(units: Path) -> None:
    files = sorted(path.name for path in units.iterdir() if path.is_file())
    command = ["systemd-analyze", "verify", "--man=no", *files]
    process = subprocess.run(command, cwd=units, capture_output=True, text=True, timeout=60)
    assert (process.returncode, process.stdout + process.stderr) == (0, "")


@pytest.mark.parametrize("name", ["run", "api"])
def test_systemd_finds_the_services_confined(units: Path, name: str) -> None:
    # Of 100: it calls 20 or less "OK"; a service without any confinement has 96.
    words = ["security", "--no-pager", "--offline=true", "--threshold=20"]
    process = subprocess.run(
        ["systemd-analyze", *words, f"invoice-collection-{name}.service"],
        cwd=units,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert process.returncode == 0, process.stdout + process.stderr
