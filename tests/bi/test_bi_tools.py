"""The examples for Superset and Streamlit, run by these tools before and after a publication.

`make test-bi` runs them: the tools take minutes to install, in an environment of their own.
"""

import csv
import json
import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import browser
import httpx
import pytest
from conftest import Harness

from harness.foundation.home import PROJECT, Home

TOOLS = PROJECT / "target" / "bi" / "bin"
SECONDS = 120
QUILLFERN = "11bedd82-2ba9-473b-b755-d9bca18f55be"
CONFIGURATION = """
SECRET_KEY = "of-this-test-alone-and-of-no-use-elsewhere"
SQLALCHEMY_DATABASE_URI = "sqlite:///{directory}/superset.db"
WTF_CSRF_ENABLED = False
TALISMAN_ENABLED = False
"""
# The page as Streamlit's own testing runs it: once, and again when a line comes in.
APP = """
import json, sys
from streamlit.testing.v1 import AppTest
app = AppTest.from_file(sys.argv[1], default_timeout=60)
for _ in sys.stdin:
    app.run()
    assert not app.exception, app.exception
    app.selectbox[0].set_value(sys.argv[2])
    app.run()
    app.selectbox[1].set_value("EUR")
    app.run()
    assert not app.exception, app.exception
    print(app.dataframe[0].value.astype(str).to_json(orient="records"), flush=True)
"""


@pytest.fixture
def home(tmp_path: Path, harness: Harness) -> Home:
    """The sample, published as of 31 May."""
    home = Home(tmp_path / "home")
    publish(harness, home, "2026-05-31")
    return home


def publish(harness: Harness, home: Home, as_of: str) -> None:
    process = harness("run", "--as-of", as_of, "--no-report", "--allow-shrink", home=home)
    assert process.returncode == 0, process.stderr


def published(home: Home, table: str) -> list[dict[str, str]]:
    with (home.published / "current" / f"{table}.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


@contextmanager
def serving(command: list[object], url: str, log: Path, **environment: str) -> Iterator[None]:
    """A server until it is needed no more; it answers at the URL."""
    with log.open("w") as output:
        process = subprocess.Popen(
            list(map(str, command)),
            env=os.environ | environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        deadline = time.monotonic() + SECONDS
        while True:
            try:
                httpx.get(url)
                break
            except httpx.HTTPError:
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.5)
        yield
    finally:
        process.terminate()
        process.wait(30)


def looked_at(running: browser.Browser, url: str, until: str) -> None:
    """Open a page and wait until an expression holds on it."""
    running.ask("Page.navigate", url=url)
    deadline = time.monotonic() + SECONDS
    while not running.value(f"document.body && ({until})"):
        assert time.monotonic() < deadline, running.value("document.body.innerText")
        time.sleep(1)


@pytest.fixture
def chromium() -> Iterator[browser.Browser]:
    path = browser.program()
    if not path:
        pytest.skip("there is no Chromium here")
    with browser.running(path) as running:
        yield running


def test_superset_shows_what_is_published(
    home: Home, harness: Harness, tmp_path: Path, chromium: browser.Browser
) -> None:
    directory = tmp_path / "superset"
    directory.mkdir()
    configuration = directory / "superset_config.py"
    configuration.write_text(CONFIGURATION.format(directory=directory))
    environment = {
        "SUPERSET_CONFIG_PATH": str(configuration),
        "SUPERSET_HOME": str(directory),
        "FLASK_APP": "superset",
        "PATH": f"{TOOLS}:{os.environ['PATH']}",
        "LAGO_COLLECTION_HOME": str(home.path),
    }
    documented = re.search(
        r"^    cp -r examples/superset.*?(?=\n\n)",
        (PROJECT / "docs" / "bi.md").read_text(),
        re.M | re.S,
    )
    assert documented
    (directory / "examples").mkdir()
    shutil.copytree(PROJECT / "examples" / "superset", directory / "examples" / "superset")
    (directory / "target").mkdir()
    admin = "--username admin --firstname A --lastname B --email a@example.com --password secret"
    for script in (
        "superset db upgrade",
        f"superset fab create-admin {admin}",
        "superset init",
        documented[0],
    ):
        process = subprocess.run(
            ["bash", "-ec", script],
            cwd=directory,
            env=os.environ | environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert process.returncode == 0, process.stdout + process.stderr

    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [TOOLS / "superset", "run", "--port", port, "--with-threads"]
    with (
        serving(command, f"{url}/health", directory / "log", **environment),
        httpx.Client(base_url=f"{url}/api/v1", timeout=SECONDS) as client,
    ):
        login = {"username": "admin", "password": "secret", "provider": "db"}
        token = client.post("/security/login", json=login).json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"
        datasets = client.get("/dataset/").json()["result"]
        ids = {each["table_name"]: each["id"] for each in datasets}

        def amounts(*filters: dict[str, Any]) -> dict[tuple[str, str], Decimal | None]:
            query = {
                "columns": ["month", "payment_status"],
                "metrics": ["amount"],
                "filters": list(filters),
                "row_limit": 10_000,
            }
            asked = {"datasource": {"id": ids["collection"], "type": "table"}, "queries": [query]}
            answer = client.post("/chart/data", json=asked | {"result_format": "json"})
            assert answer.status_code == 200, answer.text
            return {
                (time.strftime("%Y-%m", time.gmtime(row["month"] / 1000)), row["payment_status"]): (
                    None if row["amount"] is None else Decimal(str(row["amount"])).quantize(CENT)
                )
                for row in answer.json()["result"][0]["data"]
            }

        def expected() -> dict[tuple[str, str], Decimal]:
            sums: dict[tuple[str, str], Decimal] = {}
            for row in published(home, "invoice_collection"):
                if row["currency"] == "EUR":
                    key = row["month"][:7], row["payment_status"]
                    sums[key] = sums.get(key, Decimal(0)) + Decimal(row["amount"])
            return {key: amount.quantize(CENT) for key, amount in sums.items()}

        euros = {"col": "currency", "op": "IN", "val": ["EUR"]}
        assert amounts(euros) == expected()
        assert max(expected())[0] == "2026-05"
        # Of several currencies there is no amount.
        assert None in amounts().values()

        sign_in = (
            "fetch('/login/', {method: 'POST', body: new URLSearchParams("
            "{username: 'admin', password: 'secret'})}).then(answer => answer.ok)"
        )
        looked_at(chromium, f"{url}/login/", "document.title == 'Superset'")
        assert chromium.value(sign_in)
        for as_of in ("2026-05-31", "2026-06-17"):
            publish(harness, home, as_of)
            largest = max(
                (
                    row
                    for row in published(home, "uncollected_invoices")
                    if row["currency"] == "EUR"
                ),
                key=lambda row: int(row["due_amount_cents"]),
            )
            looked_at(
                chromium,
                f"{url}/superset/dashboard/invoice-collection/",
                "document.querySelectorAll('canvas').length > 0"
                f" && document.body.innerText.includes('{largest['invoice_number']}')"
                f" && document.body.innerText.includes('\\n{largest['days_past_due']}\\t')",
            )
            (directory / f"{as_of}.png").write_bytes(
                chromium.screenshot({"x": 0, "y": 0, "width": 1000, "height": 900})
            )
        assert amounts(euros) == expected()
        assert max(expected())[0] == "2026-06"


CENT = Decimal("0.01")


def test_streamlit_shows_what_is_published(
    home: Home, harness: Harness, tmp_path: Path, chromium: browser.Browser
) -> None:
    app = PROJECT / "examples" / "streamlit" / "app.py"
    environment = {"LAGO_COLLECTION_HOME": str(home.path), "HOME": str(tmp_path)}

    def due() -> list[tuple[str, str]]:
        rows = [
            row
            for row in published(home, "uncollected_invoices")
            if (row["organization_id"], row["currency"]) == (QUILLFERN, "EUR")
        ]
        rows.sort(key=lambda row: -int(row["due_amount_cents"]))
        return [(row["invoice_number"], row["days_past_due"]) for row in rows]

    with subprocess.Popen(
        [TOOLS / "python", "-c", APP, app, QUILLFERN],
        env=os.environ | environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin
        assert process.stdout

        def shown() -> list[tuple[str, str]]:
            assert process.stdin
            assert process.stdout
            process.stdin.write("\n")
            process.stdin.flush()
            rows = json.loads(process.stdout.readline())
            return [(row["invoice_number"], row["days_past_due"]) for row in rows]

        before = shown()
        assert before == due()
        publish(harness, home, "2026-06-17")
        assert shown() == due() != before
        process.stdin.close()

    port = free_port()
    url = f"http://127.0.0.1:{port}"
    options = f"--server.port {port} --server.address 127.0.0.1 --server.headless true".split()
    with serving([TOOLS / "streamlit", "run", app, *options], url, tmp_path / "log", **environment):
        looked_at(
            chromium,
            url,
            "document.body.innerText.includes('To be collected')"
            " && document.querySelectorAll('canvas').length > 1",
        )
