"""Homes built once for all tests, dbt imported once, and the harness as its user runs it."""

import fcntl
import importlib.util
import io
import json
import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest
from lago_stub import KEY, running, saved

from harness.cli.outcome import outcome
from harness.foundation.home import Home

CASES = Path(__file__).parent / "cases"
QUICK = Path(__file__).parent / "quick"

Harness = Callable[..., subprocess.CompletedProcess[str]]

# What takes longest comes first, so that no worker is left alone with it at the end.
LONGEST_FIRST = (
    *("parity", "postgres", "package", "docs", "build", "install", "ci", "dbt", "server", "soak"),
    *("ending", "setup", "check", "load", "api", "publish", "field", "shrinkage", "bi", "report"),
    "many",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the files of LONGEST_FIRST before the others."""
    places = {f"test_{name}.py": place for place, name in enumerate(LONGEST_FIRST)}
    items.sort(key=lambda item: places.get(item.path.name, len(places)))


def pytest_configure(config: pytest.Config) -> None:
    """Start what dbt's command lines are handed over to, until the end of this run of pytest."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        return
    directory = tempfile.mkdtemp(prefix="lago-dbt-")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(f"{directory}/socket")
        listening.listen(64)
        server = subprocess.Popen(
            [sys.executable, "-W", "ignore", QUICK / "server.py", str(listening.fileno())],
            stdin=subprocess.PIPE,
            pass_fds=[listening.fileno()],
        )
    os.environ["LAGO_TESTS_DBT"] = f"{directory}/socket"
    os.environ["PYTHONPATH"] = f"{QUICK}:{os.environ.get('PYTHONPATH', '')}".rstrip(":")

    def end() -> None:
        server.communicate()
        shutil.rmtree(directory)

    config.add_cleanup(end)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where CI runs, what is missing must not pass unnoticed: a skipped test is a failed one."""
    report = yield
    if report.skipped and os.environ.get("CI") == "true":
        report.outcome = "failed"
        report.longrepr = f"skipped where CI=true: {report.longrepr}"
    return report


@pytest.fixture(scope="session")
def harness(tmp_path_factory: pytest.TempPathFactory) -> Harness:
    """Run `python -m harness` from a directory that is not the project's."""
    directory = tmp_path_factory.mktemp("elsewhere")

    def run(
        *arguments: object, home: Home | None = None, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "harness", *map(str, arguments)]
        if home:
            command += ["--home", str(home.path)]
        return subprocess.run(
            command,
            cwd=directory,
            env=os.environ | environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    return run


@pytest.fixture
def harness_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Harness:
    """As `harness`, without the start of a process: the command line, run in this one."""
    elsewhere = tmp_path / "elsewhere"

    def run(
        *arguments: object, home: Home | None = None, **environment: str
    ) -> subprocess.CompletedProcess[str]:
        words = ["harness", *map(str, arguments), *(["--home", str(home.path)] if home else [])]
        elsewhere.mkdir(exist_ok=True)
        said = [io.BytesIO(), io.BytesIO()]
        output, errors = (io.TextIOWrapper(each, "utf-8", write_through=True) for each in said)
        with monkeypatch.context() as here:
            here.chdir(elsewhere)
            here.setattr(sys, "argv", words)
            here.setattr(sys, "stdout", output)
            here.setattr(sys, "stderr", errors)
            for name, value in environment.items():
                here.setenv(name, value)
            code = outcome(words[1:])
        return subprocess.CompletedProcess(
            words, code, *(each.getvalue().decode() for each in said)
        )

    return run


@pytest.fixture(scope="session")
def calculate() -> ModuleType:
    """The calculation of tests/cases, which knows nothing of the project."""
    spec = importlib.util.spec_from_file_location("calculate", CASES / "calculate.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules["calculate"] = module
    spec.loader.exec_module(module)
    return module


OnDisk = Callable[[str, str], subprocess.CompletedProcess[str]]


@pytest.fixture
def on_disk(tmp_path: Path) -> OnDisk:
    """Run a shell script, with Python as $0, in a directory that is a disk of that size."""
    disk = tmp_path / "disk"
    disk.mkdir()
    private = ["unshare", "--map-root-user", "--mount", "sh", "-c"]
    if not shutil.which("unshare") or subprocess.run([*private, "true"]).returncode:
        pytest.skip("this system lets nobody mount a small disk (unshare --map-root-user --mount)")

    def run(size: str, script: str) -> subprocess.CompletedProcess[str]:
        # Where dbt is run for the tests, this disk is not mounted.
        environment = {name: value for name, value in os.environ.items() if "DBT" not in name}
        mounted = f"mount -t tmpfs -o size={size} none '{disk}' && cd '{disk}' && {script}"
        return subprocess.run(
            [*private, mounted, sys.executable],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    return run


@pytest.fixture(scope="session")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory of this run of pytest that all of its processes see."""
    own = tmp_path_factory.getbasetemp()
    path = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "shared"
    path.mkdir(exist_ok=True)
    return path


def published_home(path: Path, harness: Harness, *arguments: object, **environment: str) -> Home:
    """A home in which `harness run` with these arguments succeeded.

    What the run said is in the file beside the home that ends in .said.
    """
    process = harness("run", *arguments, home=Home(path), **environment)
    assert process.returncode == 0, process.stderr
    path.with_suffix(".said").write_text(process.stdout + process.stderr)
    return Home(path)


def shared_home(path: Path, harness: Harness, *arguments: object, **environment: str) -> Home:
    """As published_home, made by the process that asks first, and for all others to read."""
    with path.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.with_suffix(".said").exists():
            published_home(path, harness, *arguments, **environment)
    return Home(path)


def copied(home: Home, path: Path) -> Home:
    """A copy of a home in which the build may be checked: it reads what the first has loaded."""
    shutil.copytree(home.path, path, symlinks=True)
    build = path / "scratch" / "build.json"
    build.write_text(json.dumps(json.loads(build.read_text()) | {"home": str(path.resolve())}))
    return Home(path)


@pytest.fixture(scope="session")
def sample_home(shared: Path, harness: Harness) -> Home:
    """The sample, published."""
    return shared_home(shared / "sample", harness)


@pytest.fixture(scope="session")
def sample_by_customer(shared: Path, harness: Harness) -> Home:
    """The sample, published with the collection by customer."""
    return shared_home(shared / "sample-by-customer", harness, "--by-customer")


@pytest.fixture(scope="session")
def lago_home(shared: Path, harness: Harness) -> Home:
    """Lago's tables with known answers, published as of 2026-11-15, where it is 14 hours later."""
    given = ("--from", CASES / "lago" / "raw", "--as-of", "2026-11-15", "--by-customer")
    return shared_home(shared / "lago", harness, *given, TZ="Pacific/Kiritimati")


@pytest.fixture(scope="session")
def api_home(shared: Path, harness: Harness) -> Home:
    """The sandbox organization, crawled from its API and published as of 2026-11-15."""
    with running(saved(CASES / "lago" / "api")) as lago:
        given = ("--from", lago.url, "--as-of", "2026-11-15")
        return shared_home(shared / "api", harness, *given, LAGO_API_KEY=KEY)


@dataclass(frozen=True)
class Postgres:
    """A PostgreSQL server of these tests alone, with Lago's tables in its database `lago`."""

    programs: Path
    directory: Path
    port: int

    @property
    def url(self) -> str:
        """The address of the database, with the password."""
        return f"postgresql://reader:{self.password}@127.0.0.1:{self.port}/lago"

    @property
    def password(self) -> str:
        """That of the user `reader`, who may only read; with all that is hard to quote."""
        return "planted%27%20%22%5C%2F%40secret"

    def psql(self, *commands: str, database: str = "lago") -> str:
        """Run commands as the superuser; returns what a query gives."""
        program = [str(self.programs / "psql"), "-qAtX", "-v", "ON_ERROR_STOP=1"]
        place = ["-h", str(self.directory), "-p", str(self.port), "-U", "postgres", database]
        given = [word for command in commands for word in ("-c", command)]
        result = subprocess.run(
            [*program, *place, *given], capture_output=True, text=True, check=False, timeout=60
        )
        assert result.returncode == 0, result.stderr
        return result.stdout


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A running server with the tables of tests/cases/lago/raw in Lago's own types."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    known = Path("/usr/lib/postgresql/15/bin/initdb")
    on_path = shutil.which("initdb")
    programs = next((path.parent for path in [known, *found] if path.exists()), None)
    if not programs and on_path:
        programs = Path(on_path).resolve().parent
    if not programs:
        pytest.skip("there is no PostgreSQL server here (initdb); install postgresql-15")
    directory = Path(tempfile.mkdtemp(prefix="lago-postgres-"))
    as_user: list[str] = []
    if os.geteuid() == 0:
        # The server refuses to run as root.
        user = pwd.getpwnam("postgres")
        os.chown(directory, user.pw_uid, user.pw_gid)
        as_user = ["runuser", "-u", "postgres", "--"]
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    data = directory / "data"
    options = f"-k {directory} -p {port} -c listen_addresses=127.0.0.1 -c fsync=off"

    def server(program: str, *arguments: str) -> None:
        command = [*as_user, str(programs / program), "-D", str(data), *arguments]
        subprocess.run(command, cwd=directory, stdout=subprocess.DEVNULL, check=True, timeout=60)

    try:
        server("initdb", "-U", "postgres", "--auth-local=trust", "--auth-host=scram-sha-256", "-N")
        server("pg_ctl", "-w", "-l", str(directory / "log"), "-o", options, "start")
        try:
            running = Postgres(programs, directory, port)
            _fill(running)
            yield running
        finally:
            server("pg_ctl", "-w", "-m", "immediate", "stop")
    finally:
        shutil.rmtree(directory)


def _fill(server: Postgres) -> None:
    server.psql("create database lago", database="postgres")
    server.psql((CASES / "lago" / "tables.sql").read_text())
    for table in ("organizations", "billing_entities", "customers", "invoices"):
        (file,) = (CASES / "lago" / "raw").glob(f"{table}.csv*")
        reader = "gzip -dc" if file.suffix == ".gz" else "cat"
        columns = subprocess.run(
            f"{reader} '{file}' | head -1", shell=True, capture_output=True, text=True, check=True
        ).stdout.strip()
        server.psql(
            f"\\copy {table} ({columns}) from program '{reader} {file}' with (format csv, header)"
        )
