"""Puts the dbt project into the wheel; an editable install uses the one in the checkout."""

from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PROJECT = (
    ".dbtignore",
    "dbt_project.yml",
    "profiles.yml",
    "macros",
    "models",
    "seeds/lago",
    "seeds/reference",
    "tests/data",
    "tests/generic",
    "tests/cases/sample.csv",
    "tests/cases/sample.yml",
)


class DbtProject(BuildHookInterface[Any]):
    """The dbt project becomes `project` in the package, laid out as in the repository."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add what dbt and the sample's fixture need to the files of a wheel."""
        if version != "editable":
            build_data["force_include"] |= {each: f"harness/project/{each}" for each in PROJECT}
