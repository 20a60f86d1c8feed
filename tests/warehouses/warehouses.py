"""Builds on what stands for the warehouses, which `make test-warehouses` installs."""

import json
import os
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from engines import PROJECT, Marts, marts

PROGRAMS = PROJECT / "target" / "warehouses" / "bin"
HERE = Path(__file__).parent
GOOD = {"success", "pass", "no-op"}
# What profiles.yml asks for; nobody is behind these names.
ENVIRONMENT: Mapping[str, str] = {
    "LAGO_COLLECTION_SCHEMA": "marts",
    "GOOGLE_CLOUD_PROJECT": "collection",
    "SNOWFLAKE_ACCOUNT": "none",
    "SNOWFLAKE_USER": "nobody",
    "SNOWFLAKE_PASSWORD": "none",
    "SNOWFLAKE_DATABASE": "collection",
    "SNOWFLAKE_WAREHOUSE": "none",
    "DATABRICKS_HOST": "nowhere",
    "DATABRICKS_HTTP_PATH": "/sql/1.0/warehouses/none",
    "DATABRICKS_TOKEN": "none",
    "DATABRICKS_CATALOG": "spark_catalog",
    "TRINO_CATALOG": "collection",
    "AWS_DEFAULT_REGION": "none",
    "ATHENA_S3_STAGING_DIR": "s3://none/",
    "ATHENA_CATALOG": "collection",
}


@dataclass(frozen=True)
class Build:
    """The statuses of the nodes, what failed, the marts, and the reasons of single values."""

    statuses: dict[str, str]
    messages: dict[str, str]
    marts: dict[str, list[list[str | None]]]
    judged: dict[str, tuple[str | None, ...]]

    def good_marts(self) -> Marts:
        """The marts of a build in which nothing failed."""
        assert not self.messages
        assert set(self.statuses.values()) <= GOOD
        return marts({mart: [tuple(row) for row in rows] for mart, rows in self.marts.items()})


def program(name: str) -> Path:
    """A program of the stand-ins' environment; skips the test where there is none."""
    if not PROGRAMS.exists():
        pytest.skip("the warehouses' stand-ins are not installed; `make test-warehouses` does that")
    return PROGRAMS / name


def build(
    engine: str,
    directory: Path,
    variables: Mapping[str, object],
    *arguments: str,
    tables: Path | None = None,
    values: Iterable[str] = (),
) -> Build:
    """Build the project on a stand-in of the engine; fails the test where dbt itself does."""
    (directory / "values.json").write_text(json.dumps(list(values)))
    words = ["--", "build", *arguments, "--vars", json.dumps(variables), "--quiet"]
    process = subprocess.run(
        [
            *(program("python"), HERE / f"{engine}_build.py", directory),
            *([tables] if tables else []),
            *words,
        ],
        cwd=directory,
        env=os.environ | ENVIRONMENT | {"PYTHONPATH": str(PROJECT / "tests" / "engines")},
        capture_output=True,
        text=True,
        timeout=2400,
        check=False,
    )
    assert process.returncode == 0, process.stdout[-5_000:] + process.stderr[-5_000:]
    results = json.loads((directory / "results.json").read_text())
    return Build(
        results["statuses"],
        results["messages"],
        results.get("marts", {}),
        {value: tuple(reasons) for value, reasons in results.get("judged", {}).items()},
    )
