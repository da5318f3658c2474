"""Answer a Kazakh regulator's content-removal notices inside their term, with people deciding.

The names below are the public surface. Each is loaded when it is first used, so that importing the package costs next
to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from kz_compliance_sdk.aio import AsyncComplianceDesk
    from kz_compliance_sdk.config import Settings
    from kz_compliance_sdk.desk import CaseFile, ComplianceDesk
    from kz_compliance_sdk.domain import commands
    from kz_compliance_sdk.domain.actor import Actor, Role
    from kz_compliance_sdk.domain.appeals import Appeal, Reversal
    from kz_compliance_sdk.domain.case import Case, CaseState
    from kz_compliance_sdk.domain.commands.review import Decided, Lease
    from kz_compliance_sdk.domain.decision import Action, Decision, Finding, ItemDecision, LegalCheck, Proposal, Wording
    from kz_compliance_sdk.domain.notice import Item, Notice
    from kz_compliance_sdk.domain.policy import Category
    from kz_compliance_sdk.domain.report import Ground, Outcome, Question, Receipt, RefusalCode, Report, Statement
    from kz_compliance_sdk.errors import ComplianceError
    from kz_compliance_sdk.faces.asgi import asgi_app
    from kz_compliance_sdk.faces.worker import Worker
    from kz_compliance_sdk.faces.wsgi import wsgi_app
    from kz_compliance_sdk.ports import (
        Alert,
        Content,
        Effect,
        Enforcer,
        Env,
        Failed,
        InForce,
        Messenger,
        Notifier,
        Pending,
        Reference,
        Regulator,
        Resolved,
        RetryAt,
        Told,
        UserNotice,
    )
    from kz_compliance_sdk.services.admission import Response
    from kz_compliance_sdk.services.letters import Proof

    __version__: str

__all__ = [
    "Action",
    "Actor",
    "Alert",
    "Appeal",
    "AsyncComplianceDesk",
    "Case",
    "CaseFile",
    "CaseState",
    "Category",
    "ComplianceDesk",
    "ComplianceError",
    "Content",
    "Decided",
    "Decision",
    "Effect",
    "Enforcer",
    "Env",
    "Failed",
    "Finding",
    "Ground",
    "InForce",
    "Item",
    "ItemDecision",
    "Lease",
    "LegalCheck",
    "Messenger",
    "Notice",
    "Notifier",
    "Outcome",
    "Pending",
    "Proof",
    "Proposal",
    "Question",
    "Receipt",
    "Reference",
    "RefusalCode",
    "Regulator",
    "Report",
    "Resolved",
    "Response",
    "RetryAt",
    "Reversal",
    "Role",
    "Settings",
    "Statement",
    "Told",
    "UserNotice",
    "Wording",
    "Worker",
    "asgi_app",
    "commands",
    "wsgi_app",
]

_HOME = {
    name: module
    for module, names in {
        "aio": ("AsyncComplianceDesk",),
        "config": ("Settings",),
        "desk": ("CaseFile", "ComplianceDesk"),
        "domain.appeals": ("Appeal", "Reversal"),
        "domain.actor": ("Actor", "Role"),
        "domain.case": ("Case", "CaseState"),
        "domain.commands.review": ("Decided", "Lease"),
        "domain.decision": ("Action", "Decision", "Finding", "ItemDecision", "LegalCheck", "Proposal", "Wording"),
        "domain.notice": ("Item", "Notice"),
        "domain.policy": ("Category",),
        "domain.report": ("Ground", "Outcome", "Question", "Receipt", "RefusalCode", "Report", "Statement"),
        "errors": ("ComplianceError",),
        "faces.asgi": ("asgi_app",),
        "faces.worker": ("Worker",),
        "faces.wsgi": ("wsgi_app",),
        "ports": (
            "Alert",
            "Content",
            "Effect",
            "Enforcer",
            "Env",
            "Failed",
            "InForce",
            "Messenger",
            "Notifier",
            "Pending",
            "Reference",
            "Regulator",
            "Resolved",
            "RetryAt",
            "Told",
            "UserNotice",
        ),
        "services.letters": ("Proof",),
        "services.admission": ("Response",),
    }.items()
    for name in names
}


def __getattr__(name: str) -> Any:
    if name in _HOME:
        value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
        globals()[name] = value
        return value
    if name == "__version__":
        return import_module("importlib.metadata").version("kz-compliance-sdk")
    if name == "commands":
        return import_module(f"{__name__}.domain.commands")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
