"""The commands: what people do to a case, each a value that the desk takes."""

from __future__ import annotations

from kz_compliance_sdk.domain.commands.appeals import DecideAppeal, ReceiveAppeal, WithdrawAppeal
from kz_compliance_sdk.domain.commands.arrivals import (
    Authenticate,
    CorrectReceipt,
    Dismiss,
    EnterAnswer,
    EnterCancellation,
    SettleQuarantine,
    Vouch,
)
from kz_compliance_sdk.domain.commands.base import Command
from kz_compliance_sdk.domain.commands.letters import AnswerByHand
from kz_compliance_sdk.domain.commands.pressure import HandOver, RaiseAlarm, RecordInstruction, RuleOutDemand
from kz_compliance_sdk.domain.commands.privacy import AskErasure, DelayUserNotices, EndHold, Erase, Hold
from kz_compliance_sdk.domain.commands.remedies import (
    ConfirmSuspension,
    EndSuspension,
    RecordContest,
    SettleContest,
    Suspend,
)
from kz_compliance_sdk.domain.commands.review import (
    Acknowledge,
    Approve,
    Note,
    Propose,
    Recall,
    RecordLegalCheck,
    RecordUndoable,
    Release,
    Renew,
    Reopen,
    ReportInterim,
    RequestClarification,
    SendBack,
    Undo,
)

__all__ = [
    "Acknowledge",
    "AnswerByHand",
    "Approve",
    "AskErasure",
    "Authenticate",
    "Command",
    "ConfirmSuspension",
    "CorrectReceipt",
    "DecideAppeal",
    "DelayUserNotices",
    "Dismiss",
    "EndHold",
    "EndSuspension",
    "EnterAnswer",
    "EnterCancellation",
    "Erase",
    "HandOver",
    "Hold",
    "Note",
    "Propose",
    "RaiseAlarm",
    "Recall",
    "ReceiveAppeal",
    "RecordContest",
    "RecordInstruction",
    "RecordLegalCheck",
    "RecordUndoable",
    "Release",
    "Renew",
    "Reopen",
    "ReportInterim",
    "RequestClarification",
    "RuleOutDemand",
    "SendBack",
    "SettleContest",
    "SettleQuarantine",
    "Suspend",
    "Undo",
    "Vouch",
    "WithdrawAppeal",
]
