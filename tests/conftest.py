"""What all tests share: dbt is imported once, and a skip is a failure where CI runs."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Generator
from pathlib import Path

import pytest

QUICK = Path(__file__).parent / "quick"


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
