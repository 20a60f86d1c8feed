"""What a check finds, and the report that it makes."""

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from harness.build.building import Build
from harness.check.exclusions import Exclusion
from harness.load.loading import Load

ROWS_SHOWN = 10

Check = Literal[
    "dbt", "fixture", "contract", "accounting", "data faults", "months", "published version"
]


@dataclass(frozen=True)
class Finding:
    """What one check found; `rows` are the rows that show it, of differing or failing ones ten."""

    check: Check
    name: str
    status: Literal["pass", "warn", "fail"]
    message: str
    rows: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class Report:
    """All findings about one build, and what the build leaves out."""

    build: Build
    load: Load
    strict: bool
    findings: list[Finding]
    exclusions: list[Exclusion] | None
    """None where the models that would tell are not there."""
    scratch_sha256: str

    @property
    def passed(self) -> bool:
        """Whether the build may be published."""
        return not self.failures

    @property
    def failures(self) -> int:
        """How many findings keep the build from being published."""
        return sum(finding.status == "fail" for finding in self.findings)

    @property
    def data_faults(self) -> list[Exclusion]:
        """The exclusions that are faults of the data, as far as they are known."""
        return [exclusion for exclusion in self.exclusions or [] if exclusion.is_data_fault]

    def as_json(self) -> dict[str, Any]:
        """The report as JSON: of dates and numbers, text."""
        return {
            "passed": self.passed,
            "build_id": self.build.build_id,
            "load_id": self.load.load_id,
            "as_of_date": self.build.as_of_date,
            "strict": self.strict,
            "scratch_sha256": self.scratch_sha256,
            "findings": [asdict(finding) for finding in self.findings],
            "exclusions": None
            if self.exclusions is None
            else [asdict(exclusion) for exclusion in self.exclusions],
        }
