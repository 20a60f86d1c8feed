"""The workflow of docs/ci.md, its steps run in a clean copy of the project."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from harness.foundation.home import PROJECT, Home

TEXT = (PROJECT / "docs" / "ci.md").read_text()


class Workflow:
    """The jobs of the workflow and a clean checkout to run their steps in."""

    def __init__(self, checkout: Path) -> None:
        self.checkout = checkout
        self.unchanged: subprocess.CompletedProcess[str] | None = None
        (block,) = (part.partition("\n```")[0] for part in TEXT.split("```yaml\n")[1:])
        self.definition: dict[str, Any] = yaml.safe_load(block)
        files = subprocess.run(
            ["git", "ls-files", "-z"], cwd=PROJECT, capture_output=True, text=True, check=True
        )
        for name in files.stdout.split("\0")[:-1]:
            (checkout / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(PROJECT / name, checkout / name)
        (checkout / ".venv").symlink_to(PROJECT / ".venv")

    def run(self, job: str, step: str) -> subprocess.CompletedProcess[str]:
        """Run the step of this name as GitHub does."""
        (script,) = (
            each["run"]
            for each in self.definition["jobs"][job]["steps"]
            if each.get("name") == step
        )
        return self.bash(script)

    def bash(self, script: str) -> subprocess.CompletedProcess[str]:
        """Run a script in the checkout."""
        return subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script],
            cwd=self.checkout,
            env=os.environ
            | self.definition["env"]
            | {
                # The installed package is that of the project, not of the checkout.
                "PYTHONPATH": f"{self.checkout}:{os.environ['PYTHONPATH']}",
                "GITHUB_STEP_SUMMARY": str(self.checkout / "summary.md"),
            },
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture(scope="module")
def workflow(sample_home: Home, tmp_path_factory: pytest.TempPathFactory) -> Workflow:
    """The workflow in a checkout in which main has published the sample and kept the state."""
    workflow = Workflow(tmp_path_factory.mktemp("checkout"))
    for part in ("raw", "published"):
        shutil.copytree(
            sample_home.path / part, workflow.checkout / "warehouse" / part, symlinks=True
        )
    kept = workflow.run("publish", "Keep the state")
    assert kept.returncode == 0, kept.stdout + kept.stderr
    shutil.rmtree(workflow.checkout / "warehouse")
    workflow.unchanged = workflow.run("check", "Only what has changed")
    # A change of the rules: lost disputes count.
    model = workflow.checkout / "models" / "intermediate" / "int_invoice_groups_classified.sql"
    text = model.read_text()
    changed = text.replace(
        "            when payment_dispute_lost_at_validity = 'valid' then 'payment_dispute_lost'\n",
        "",
    )
    assert changed != text
    model.write_text(changed)
    return workflow


def test_every_step_is_tried_or_cannot_be_here(workflow: Workflow) -> None:
    named = {
        each.get("name", each["run"])
        for job in workflow.definition["jobs"].values()
        for each in job["steps"]
        if "run" in each
    }
    tried = {"Keep the state", "Only what has changed", "Everything", "Against what is published"}
    # The first takes minutes; the second is what made the home of these tests.
    assert named == tried | {"make setup", "Publish"}
    assert workflow.definition["env"]["AS_OF"] in workflow.definition["env"]["VARS"]


def test_a_change_that_reaches_no_model_passes(workflow: Workflow) -> None:
    assert workflow.unchanged is not None
    assert workflow.unchanged.returncode == 0, workflow.unchanged.stdout
    assert "Nothing to do" in workflow.unchanged.stdout


def test_only_what_a_change_reaches_is_tested(workflow: Workflow) -> None:
    step = workflow.run("check", "Only what has changed")
    assert step.returncode == 1, step.stdout
    assert "FAIL 1 int_invoice_groups_classified::" in step.stdout
    assert not [line for line in step.stdout.splitlines() if " stg_lago__" in line]


def test_the_whole_build_differs_from_what_is_published(workflow: Workflow) -> None:
    whole = workflow.run("check", "Everything")
    assert whole.returncode == 0, whole.stderr
    report = json.loads((workflow.checkout / "check.json").read_text())
    schema = json.loads((PROJECT / "harness" / "check" / "check.schema.json").read_text())
    Draft202012Validator(schema).validate(report)
    assert "<testsuite" in (workflow.checkout / "check.xml").read_text()
    (command,) = re.findall(r"^    (\S+python -c .*)$", TEXT, re.M)
    nothing = workflow.bash(command)
    assert (nothing.returncode, nothing.stdout) == (0, "")

    compared = workflow.run("check", "Against what is published")
    assert compared.returncode == 1, compared.stderr
    summary = (workflow.checkout / "summary.md").read_text()
    assert "FAIL  fixture: published.csv: " in summary
    assert "payment_status succeeded" in summary
    assert "expected_amount_cents" in summary
