"""Homes built once for all tests, and the harness as its user runs it."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.home import Home

CASES = Path(__file__).parent.parent / "cases"

Harness = Callable[..., subprocess.CompletedProcess[str]]


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


def published_home(path: Path, harness: Harness, *arguments: object) -> Home:
    """A home in which `harness run` with these arguments succeeded."""
    home = Home(path)
    process = harness("run", *arguments, home=home)
    assert process.returncode == 0, process.stderr
    return home


@pytest.fixture(scope="session")
def sample_home(tmp_path_factory: pytest.TempPathFactory, harness: Harness) -> Home:
    """The sample, published."""
    return published_home(tmp_path_factory.mktemp("sample"), harness)


@pytest.fixture(scope="session")
def lago_home(tmp_path_factory: pytest.TempPathFactory, harness: Harness) -> Home:
    """Lago's tables with known answers, published as of 2026-11-15."""
    source = CASES / "lago" / "raw"
    home = tmp_path_factory.mktemp("lago")
    return published_home(home, harness, "--from", source, "--as-of", "2026-11-15")


@pytest.fixture(scope="session")
def api_home(tmp_path_factory: pytest.TempPathFactory, harness: Harness) -> Home:
    """The sandbox organization as saved API responses, published as of 2026-11-15."""
    source = CASES / "lago" / "api"
    home = tmp_path_factory.mktemp("api")
    return published_home(home, harness, "--from", source, "--as-of", "2026-11-15")
