"""A check's report as text for people and as JUnit XML for CI."""

from collections.abc import Iterator
from xml.etree import ElementTree

from harness.check.checking import Finding, Report

_MARKS = {"pass": "ok  ", "warn": "warn", "fail": "FAIL"}


def as_text(report: Report, only_faults: bool = False) -> Iterator[str]:
    """The lines of the report: findings, then exclusions by reason, data faults first (or only)."""
    dbt = [finding for finding in report.findings if finding.check == "dbt"]
    passed = sum(finding.status == "pass" for finding in dbt)
    kinds = f"{passed} of {len(dbt)} models, seeds and tests passed"
    yield f"{_MARKS['pass' if passed == len(dbt) else 'fail']}  dbt: {kinds}"
    for finding in report.findings:
        if finding.check != "dbt" or finding.status != "pass":
            yield from _finding_lines(finding)
    count = sum(each.invoices_count for each in report.exclusions)
    yield f"left out of the report: {count:,} of {report.load.raw:,} invoices"
    for exclusion in report.data_faults if only_faults else report.exclusions:
        yield f"  {'data fault: ' if exclusion.is_data_fault else ''}{exclusion}"
    yield "the check passed" if report.passed else "the check failed; nothing may be published"


def as_junit(report: Report) -> bytes:
    """The report as a JUnit XML document, a test case per finding."""
    failures = sum(finding.status == "fail" for finding in report.findings)
    suite = ElementTree.Element(
        "testsuite",
        name="harness check",
        tests=str(len(report.findings)),
        failures=str(failures),
        errors="0",
        skipped="0",
    )
    for finding in report.findings:
        case = ElementTree.SubElement(suite, "testcase", classname=finding.check, name=finding.name)
        text = "\n".join(_finding_lines(finding))
        if finding.status == "fail":
            failure = ElementTree.SubElement(case, "failure", message=finding.message)
            failure.text = text
        elif finding.status == "warn":
            ElementTree.SubElement(case, "system-err").text = text
    ElementTree.indent(suite)
    document: bytes = ElementTree.tostring(suite, encoding="utf-8", xml_declaration=True)
    return document


def _finding_lines(finding: Finding) -> Iterator[str]:
    yield f"{_MARKS[finding.status]}  {finding.check}: {finding.name}: {finding.message}"
    if finding.status == "fail":
        for row in finding.rows:
            yield "        " + ", ".join(f"{name} {value}" for name, value in row.items())
