"""What `make` sets up, the requirements that it installs, and what it leaves in a checkout."""

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement

from harness.foundation.home import PROJECT

PYPROJECT: dict[str, Any] = tomllib.loads((PROJECT / "pyproject.toml").read_text())
FILES = [f"requirements{part}.txt" for part in ("", "-dev", "-engines")]
# Needed, though nothing imports it: DuckDB loads a file.
NOT_IMPORTED = {"duckdb-extension-postgres-scanner"}


def plain(name: str) -> str:
    """A package's name as the registry compares it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def pinned(file: str) -> set[str]:
    """The packages that a file of requirements names, each with a version and hashes."""
    text = (PROJECT / file).read_text()
    names = set()
    for block in re.split(r"\n(?=\S)", text.strip()):
        first, *hashes = block.replace(" \\\n", "\n").splitlines()
        (specifier,) = Requirement(first).specifier
        assert specifier.operator == "==", first
        assert hashes, first
        assert all(re.fullmatch(r" {4}--hash=sha256:[0-9a-f]{64}", line) for line in hashes), first
        names.add(plain(Requirement(first).name))
    return names


def test_what_the_harness_imports_is_declared() -> None:
    extra = PYPROJECT["project"]["optional-dependencies"]["s3"]
    given = [*PYPROJECT["project"]["dependencies"], *extra]
    declared = {plain(Requirement(each).name) for each in given}
    provided = packages_distributions()
    imported = set()
    for path in (PROJECT / "harness").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [each.name for each in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and not node.level:
                names = [str(node.module)]
            for name in names:
                top = name.partition(".")[0]
                if top != "harness" and top not in sys.stdlib_module_names:
                    packages = {plain(each) for each in provided.get(top, [])}
                    assert packages & declared, f"{path.name} imports {name}"
                    imported |= packages & declared
    assert declared - imported == NOT_IMPORTED


def test_requirements_pin_every_package_once_with_its_hashes() -> None:
    packages = [pinned(file) for file in FILES]
    assert sum(map(len, packages)) == len(set().union(*packages))
    extras = PYPROJECT["project"]["optional-dependencies"]
    for file, names, groups in (
        (FILES[0], packages[0], [PYPROJECT["project"]["dependencies"], extras["build"]]),
        (FILES[1], packages[0] | packages[1], [extras["dev"], extras["metrics"], extras["s3"]]),
        (FILES[2], set().union(*packages), [extras["postgres"], extras["spark"]]),
    ):
        wanted = {plain(Requirement(each).name) for group in groups for each in group}
        assert wanted <= names, file
    assert set(PYPROJECT["build-system"]["requires"]) <= set(extras["build"])


class Checkout:
    """A checkout of which `make setup` installs the harness alone, without a network."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        for name in ("Makefile", "pyproject.toml", "hatch_build.py", "README.md", "LICENSE"):
            shutil.copy(PROJECT / name, directory / name)
        shutil.copytree(PROJECT / "harness", directory / "harness")
        # The build's backend and all that the harness imports are those of this environment.
        (packages,) = Path(sys.prefix).glob("lib/*/site-packages")
        self.environment = {key: os.environ[key] for key in os.environ if key != "PYTHON"} | {
            "PYTHONPATH": str(packages),
            "PIP_NO_INDEX": "1",
        }

    def make(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run make; `-q` among the words only asks whether there is anything to do."""
        return subprocess.run(
            ["make", *words],
            cwd=self.directory,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def is_set_up(self, *words: str) -> bool:
        """Whether `make setup` has nothing to do, and what it made runs."""
        if self.make("-q", "setup", *words).returncode:
            return False
        version = subprocess.run(
            [self.directory / ".venv" / "bin" / "harness", "--version"],
            env=self.environment,
            capture_output=True,
            text=True,
            check=True,
        )
        return version.stdout.startswith("harness")


def other_python() -> str | None:
    """A Python that is not the one of this environment."""
    ask = "import sys; print(sys.base_prefix)"
    for python in ("/usr/bin/python3", *map(shutil.which, ("python3.12", "python3.13", "python3"))):
        if python and Path(python).exists():
            found = subprocess.run([python, "-c", ask], capture_output=True, text=True)
            if found.returncode == 0 and found.stdout.strip() != sys.base_prefix:
                return python
    return None


def test_a_change_of_place_python_or_requirements_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    checkout = Checkout(tmp_path / "here")
    python = f"PYTHON={sys._base_executable}"  # type: ignore[attr-defined]
    (checkout.directory / "requirements.txt").write_text(f"nowhere==1 --hash=sha256:{'0' * 64}\n")
    assert checkout.make("setup", python).returncode
    assert not checkout.is_set_up(), "a set-up that failed counts as done"

    checkout.directory = checkout.directory.rename(tmp_path / "a place with blanks")
    (checkout.directory / "requirements.txt").write_text("")
    made = checkout.make("setup", python)
    assert made.returncode == 0, made.stderr
    assert checkout.is_set_up(python)
    assert checkout.is_set_up()
    if other := other_python():
        assert not checkout.is_set_up(f"PYTHON={other}")

    os.utime(checkout.directory / "requirements.txt")
    assert not checkout.is_set_up()
    os.utime(checkout.directory / ".venv" / ".installed")
    assert checkout.is_set_up()
    checkout.directory = checkout.directory.rename(tmp_path / "elsewhere")
    assert not checkout.is_set_up()


def test_clean_leaves_the_home(tmp_path: Path) -> None:
    shutil.copy(PROJECT / "Makefile", tmp_path)
    for name in (".venv", "target", "warehouse"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").touch()
    process = subprocess.run(
        ["make", "clean"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert {path.name for path in tmp_path.iterdir()} == {"Makefile", "warehouse"}
    assert (tmp_path / "warehouse" / "file").exists()
    assert "warehouse/ stays" in process.stderr


@pytest.mark.parametrize(
    "path",
    [
        # docs/ci.md, docs/operations.md, docs/sources.md, examples/consumer, the tests themselves
        *("state/raw/invoices.parquet", "check.json", "check.xml", "answer.json", "run.log"),
        "by_organization.csv",
        *("trial/keys.json", "restored/keys.json", "backup.tar.gz", "warehouse/keys.json"),
        *("dist/a.whl", "wheelhouse/a.whl", "examples/consumer/dbt_packages/a/b.sql"),
        *("examples/consumer/package-lock.yml", ".schemathesis/a", ".hypothesis/a"),
    ],
)
def test_git_takes_nothing_that_the_documents_leave(path: str) -> None:
    process = subprocess.run(["git", "check-ignore", "--quiet", path], cwd=PROJECT)
    assert process.returncode == 0


def test_linters_pass_over_installed_dbt_packages(tmp_path: Path) -> None:
    shutil.copy(PROJECT / "pyproject.toml", tmp_path)
    for place in ("examples", "examples/consumer/dbt_packages/lago"):
        (tmp_path / place).mkdir(parents=True, exist_ok=True)
        (tmp_path / place / "twice.py").write_text('"""The same module in two places."""\n')
    (tmp_path / "examples/consumer/dbt_packages/lago/wrong.py").write_text("import os, sys\n")
    for command in (["ruff", "check", "examples"], ["mypy", "examples"]):
        process = subprocess.run(
            [sys.executable, "-m", *command], cwd=tmp_path, capture_output=True, text=True
        )
        assert process.returncode == 0, process.stdout
