"""A report for machines: JSON, and JUnit XML as CI systems read it."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Sequence
from typing import Any, Final, get_args

from kz_compliance_sdk.domain.values import fields_of
from kz_compliance_sdk.testing.conformance.checks import Report, Result, Verdict
from kz_compliance_sdk.testing.conformance.selftest import Outcome

_DOCS: Final = "docs/"


def report_document(report: Report) -> dict[str, Any]:
    """The report as one JSON document. Seconds are those that each check took."""
    counts = {verdict: len(report.of(verdict)) for verdict in get_args(Verdict)}
    checks = [_row(result) for result in report.results]
    return fields_of(report, "subject profile all_hold held broken skipped checks", **counts, checks=checks)


def _row(result: Result) -> dict[str, Any]:
    failed = {} if result.verdict == "broken" else {"came": None, "remedy": None}
    contract = {"page": _DOCS + result.promise.where, "quote": result.promise.quote}
    names = "name verdict sends wanted came remedy why? contract seconds"
    return fields_of(result, names, contract=contract, **failed)


def junit(report: Report) -> str:
    """The report as JUnit XML: one test case for each check, in a class for each group."""
    root = ET.Element("testsuites", {"name": "kz-compliance conformance"})
    suite = ET.SubElement(
        root,
        "testsuite",
        {
            "name": _clean(report.subject),
            "tests": str(len(report.results)),
            "failures": str(len(report.of("broken"))),
            "errors": "0",
            "skipped": str(len(report.of("skipped"))),
            "time": f"{sum(result.seconds for result in report.results):.3f}",
        },
    )
    for result in report.results:
        group, _, name = result.name.rpartition(".")
        case = ET.SubElement(suite, "testcase", {"classname": group, "name": name, "time": f"{result.seconds:.3f}"})
        if result.verdict == "skipped":
            ET.SubElement(case, "skipped", {"message": _clean(result.why)})
        elif result.verdict == "broken":
            failure = ET.SubElement(case, "failure", {"message": _clean(f"came: {result.came}"), "type": "conformance"})
            failure.text = _clean(
                f"sent: {result.sends}\nwanted: {result.wanted}\ncame: {result.came}\nremedy: {result.remedy}\n"
                f"contract: {_DOCS}{result.promise.where}: {result.promise.quote}\n"
            )
    ET.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _clean(text: str) -> str:
    """Without what XML cannot hold: what came may be anything."""
    return "".join(c if c in "\n\t" or " " <= c < "\ud800" or "\ue000" <= c < "\ufffe" else "?" for c in text)


def skip_reasons(report: Report) -> Sequence[tuple[str, int]]:
    """Why checks were skipped, and how many for each reason."""
    return Counter(result.why for result in report.of("skipped")).most_common()


def selftest_document(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """What the kit found in its own controls, as one JSON document."""
    return {
        "all_right": all(outcome.is_right for outcome in outcomes),
        "controls": [
            {
                **fields_of(outcome.control, "name what"),
                **fields_of(outcome, "is_right caught_by missed blamed"),
            }
            for outcome in outcomes
        ],
    }
