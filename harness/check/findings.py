"""What checks find out about a build, as records."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from harness.build.building import Build
from harness.collection.reasons import reason, reasons
from harness.load.loading import Load

Check = Literal[
    "dbt", "fixture", "contract", "accounting", "data faults", "months", "earlier version"
]

ROWS_SHOWN = 10
SKIPPED = "skipped, since an earlier step failed"


@dataclass(frozen=True)
class Finding:
    """What one check found; `rows` are the rows that show it, of differing or failing ones ten."""

    check: Check
    name: str
    status: Literal["pass", "warn", "fail"]
    message: str
    rows: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class Exclusion:
    """Invoices of one organization that are left out for one reason."""

    organization_id: str | None
    reason: str
    invoices_count: int
    example_invoice_id: str
    is_data_fault: bool
    given: str | None
    """What the example has in the place at fault; None where that is missing, or no fault."""

    def __str__(self) -> str:
        where = f" of organization {self.organization_id}" if self.organization_id else ""
        return _told(self, where)


@dataclass(frozen=True)
class ReasonTotal:
    """Invoices of all organizations that are left out for one reason."""

    reason: str
    is_data_fault: bool
    organizations: int
    """How many have such invoices; those of no organization are of none."""
    invoices_count: int
    example_invoice_id: str
    given: str | None
    """What the example has in the place at fault, as of an Exclusion."""

    def __str__(self) -> str:
        return _told(self, f" of {counted(self.organizations, 'organization')}")


def _told(each: Exclusion | ReasonTotal, where: str) -> str:
    text = f"{each.reason}: {counted(each.invoices_count)}{where}, such as"
    if not each.is_data_fault:
        return f"{text} {each.example_invoice_id}"
    value = "nothing" if each.given is None else repr(each.given)
    return f"{text} {each.example_invoice_id} with {value} for {reason(each.reason).column}"


def by_reason(exclusions: Iterable[Exclusion]) -> list[ReasonTotal]:
    """The exclusions of all organizations together, data faults first; the first gives the example.

    Else they are in the order in which the reasons are tried.
    """
    grouped: dict[str, list[Exclusion]] = {}
    for exclusion in exclusions:
        grouped.setdefault(exclusion.reason, []).append(exclusion)
    totals = [
        ReasonTotal(
            reason=code,
            is_data_fault=first.is_data_fault,
            organizations=sum(each.organization_id is not None for each in (first, *others)),
            invoices_count=sum(each.invoices_count for each in (first, *others)),
            example_invoice_id=first.example_invoice_id,
            given=first.given,
        )
        for code, (first, *others) in grouped.items()
    ]
    places = {code: place for place, code in enumerate(reasons())}
    return sorted(
        totals, key=lambda each: (not each.is_data_fault, places.get(each.reason, len(places)))
    )


def few_findings(findings: Sequence[Finding]) -> list[Finding]:
    """The findings without most of the organizations that have shrunk, and how many these are."""
    shrunken = [each for each in findings if each.check == "earlier version"]
    left_out = {id(each) for each in shrunken[ROWS_SHOWN:]}
    if not left_out:
        return list(findings)
    message = f"{len(left_out):,} more have shrunk or vanished; each of them: harness check"
    last = Finding("earlier version", "others", shrunken[0].status, message)
    kept = [each for each in findings if id(each) not in left_out]
    place = kept.index(shrunken[ROWS_SHOWN - 1]) + 1
    return [*kept[:place], last, *kept[place:]]


@dataclass(frozen=True)
class Report:
    """All findings about one build, and what the build leaves out."""

    build: Build
    load: Load
    strict: bool
    findings: list[Finding]
    exclusions: list[Exclusion] | None
    """Data faults first; None where the build failed before it was known what is left out."""
    scratch_sha256: str
    published_version: str | None
    """What the build was compared with."""

    @property
    def passed(self) -> bool:
        """Whether the build may be published."""
        return not self.failed

    @property
    def failed(self) -> list[Finding]:
        """The findings that keep the build from being published."""
        return [finding for finding in self.findings if finding.status == "fail"]

    @property
    def skipped(self) -> list[Finding]:
        """Those of the failed ones that only follow from the others."""
        return [finding for finding in self.failed if finding.message == SKIPPED]

    @property
    def data_faults(self) -> list[Exclusion]:
        """The exclusions that are faults of the data, as far as they are known."""
        return [exclusion for exclusion in self.exclusions or [] if exclusion.is_data_fault]

    def as_json(self) -> dict[str, Any]:
        """The report as JSON: of dates and numbers, text."""
        known = self.exclusions is not None
        return {
            "passed": self.passed,
            "build_id": self.build.build_id,
            "load_id": self.load.load_id,
            "as_of_date": self.build.as_of_date,
            "strict": self.strict,
            "scratch_sha256": self.scratch_sha256,
            "published_version": self.published_version,
            "findings": [asdict(finding) for finding in self.findings],
            "exclusions": [asdict(each) for each in self.exclusions or []] if known else None,
        }


def counted(count: int, thing: str = "invoice") -> str:
    """A number of things in words: 1 invoice, 1,250 invoices."""
    return f"{count:,} {thing}{'' if count == 1 else 's'}"
