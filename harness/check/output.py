"""A check's report as text for people and as JUnit XML for CI."""

import re
from collections.abc import Iterator, Sequence
from typing import Any
from xml.etree import ElementTree

from harness.check.findings import (
    Exclusion,
    Finding,
    ReasonTotal,
    Report,
    by_reason,
    counted,
    few_findings,
)

_MARKS = {"pass": "ok  ", "warn": "warn", "fail": "FAIL"}
_EXCLUSIONS_SHOWN = 16
# What XML 1.0 has no way to write.
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def as_text(report: Report, brief: bool = False) -> Iterator[str]:
    """The lines of the report: findings, then exclusions by reason, data faults first.

    In `brief`, exclusions on purpose are left out where the check passed, and of many organizations
    all are told together.
    """
    dbt = [finding for finding in report.findings if finding.check == "dbt"]
    passed = sum(finding.status == "pass" for finding in dbt)
    worst = next((each for each in ("fail", "warn") if each in {f.status for f in dbt}), "pass")
    yield f"{_MARKS[worst]}  dbt: {passed} of {len(dbt)} models, seeds and tests passed"
    if skipped := report.skipped:
        yield f"{_MARKS['fail']}  dbt: {len(skipped):,} were {skipped[0].message}"
    for finding in few_findings(report.findings) if brief else report.findings:
        if finding not in skipped and (finding.check != "dbt" or finding.status != "pass"):
            # Data faults are listed below, one by one.
            yield from _finding_lines(finding, with_rows=finding.check != "data faults")
    yield from _exclusion_lines(report, brief)
    yield "the check passed" if report.passed else "the check failed; nothing may be published"


def as_junit(report: Report) -> bytes:
    """The report as a JUnit XML document, a test case per finding."""
    suite = ElementTree.Element(
        "testsuite",
        name="harness check",
        tests=str(len(report.findings)),
        failures=str(len(report.failed)),
        errors="0",
        skipped="0",
    )
    for finding in report.findings:
        case = ElementTree.SubElement(
            suite, "testcase", classname=finding.check, name=_allowed(finding.name)
        )
        text = _allowed("\n".join(_finding_lines(finding, with_rows=True)))
        if finding.status == "fail":
            failure = ElementTree.SubElement(case, "failure", message=_allowed(finding.message))
            failure.text = text
        elif finding.status == "warn":
            ElementTree.SubElement(case, "system-err").text = text
    left_out = _allowed("\n".join(_exclusion_lines(report, brief=False)))
    ElementTree.SubElement(suite, "system-out").text = left_out
    ElementTree.indent(suite)
    document: bytes = ElementTree.tostring(suite, encoding="utf-8", xml_declaration=True)
    return document


def _exclusion_lines(report: Report, brief: bool) -> Iterator[str]:
    if report.exclusions is None:
        yield "left out of the report: not known, since the models were not built"
        return
    count = sum(each.invoices_count for each in report.exclusions)
    yield f"left out of the report: {count:,} of {counted(report.load.raw)}"
    told: Sequence[Exclusion | ReasonTotal]
    told = report.data_faults if brief and report.passed else report.exclusions
    together = brief and len(told) > _EXCLUSIONS_SHOWN
    for each in by_reason(told) if together else told:
        yield f"  {'data fault: ' if each.is_data_fault else ''}{each}"
    if together:
        yield "  of each organization: harness check"


def _finding_lines(finding: Finding, with_rows: bool) -> Iterator[str]:
    yield f"{_MARKS[finding.status]}  {finding.check}: {finding.name}: {finding.message}"
    if finding.status != "pass" and with_rows:
        for row in finding.rows:
            yield "        " + ", ".join(f"{name} {_cell(row[name])}" for name in row)


def _cell(value: Any) -> str:
    """A value in one line: what is not there is null, what cannot be printed is escaped."""
    if value is None:
        return "null"
    text = str(value)
    return text if text.isprintable() and text.strip() else repr(text)


def _allowed(text: str) -> str:
    """A text for XML, with `\\x00` and the like for what cannot stand there."""
    return _FORBIDDEN.sub(lambda match: ascii(match[0])[1:-1], text)
