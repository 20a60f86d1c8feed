"""A check's report as text for people and as JUnit XML for CI."""

import re
from collections.abc import Iterator
from xml.etree import ElementTree

from harness.check.findings import Finding, Report

_MARKS = {"pass": "ok  ", "warn": "warn", "fail": "FAIL"}


def as_text(report: Report, only_faults: bool = False) -> Iterator[str]:
    """The lines of the report: findings, then exclusions by reason, data faults first (or only)."""
    dbt = [finding for finding in report.findings if finding.check == "dbt"]
    failed = sum(finding.status == "fail" for finding in dbt)
    kinds = f"{len(dbt) - failed:,} of {len(dbt):,} models, seeds and tests passed"
    yield f"{_MARKS['fail' if failed else 'pass']}  dbt: {kinds}"
    for finding in report.findings:
        if finding.check != "dbt" or finding.status != "pass":
            yield from _finding_lines(finding)
    yield from _exclusion_lines(report, only_faults)
    yield "the check passed" if report.passed else "the check failed; nothing may be published"


def as_junit(report: Report) -> bytes:
    """The report as a JUnit XML document, a test case per finding."""
    suite = ElementTree.Element(
        "testsuite",
        name="harness check",
        tests=str(len(report.findings)),
        failures=str(report.failures),
        errors="0",
        skipped="0",
    )
    for finding in report.findings:
        case = ElementTree.SubElement(
            suite, "testcase", classname=finding.check, name=_printable(finding.name)
        )
        text = _printable("\n".join(_finding_lines(finding)))
        if finding.status == "fail":
            failure = ElementTree.SubElement(case, "failure", message=_printable(finding.message))
            failure.text = text
        elif finding.status == "warn":
            ElementTree.SubElement(case, "system-err").text = text
    if report.exclusions != []:
        left_out = "\n".join(_exclusion_lines(report, only_faults=False))
        ElementTree.SubElement(suite, "system-out").text = _printable(left_out)
    ElementTree.indent(suite)
    document: bytes = ElementTree.tostring(suite, encoding="utf-8", xml_declaration=True)
    return document


def _finding_lines(finding: Finding) -> Iterator[str]:
    yield f"{_MARKS[finding.status]}  {finding.check}: {finding.name}: {finding.message}"
    if finding.status == "fail" or finding.check == "dbt":
        for row in finding.rows:
            known = {name: value for name, value in row.items() if value is not None}
            yield "        " + ", ".join(f"{name} {value}" for name, value in known.items())


def _exclusion_lines(report: Report, only_faults: bool) -> Iterator[str]:
    if report.exclusions is None:
        yield "left out of the report: not known, since the models that tell were not built"
        return
    count = sum(each.invoices_count for each in report.exclusions)
    yield f"left out of the report: {count:,} of {report.load.raw:,} invoices"
    for exclusion in report.data_faults if only_faults else report.exclusions:
        yield f"  {'data fault: ' if exclusion.is_data_fault else ''}{exclusion}"


def _printable(text: str) -> str:
    """The text with what XML does not allow shown as U+FFFD."""
    return re.sub(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "\ufffd", text)
