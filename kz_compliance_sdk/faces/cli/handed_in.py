"""What people hand in as JSON: a proposal, questions, a notice. And the skeleton of a proposal to fill in."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast, get_args

from pydantic import BaseModel, ConfigDict, ValidationError

from kz_compliance_sdk.errors import InvalidInput, Unreadable
from kz_compliance_sdk.faces.cli.session import read_bytes, wrong

if TYPE_CHECKING:
    from kz_compliance_sdk.desk import CaseFile
    from kz_compliance_sdk.domain.decision import OwnWords
    from kz_compliance_sdk.domain.values import WireValue

_M = TypeVar("_M", bound="BaseModel | WireValue")
_MOST: Final = 8 * 1024 * 1024
_NODES: Final = 200_000
_SHOWN: Final = 50
_TRIED: Final = re.compile(r"\blegal_check\.(LegalCheck|constrained-int|int)\b")


def read_document(model: type[_M], file: str, option: str, hint: str = "") -> _M:
    """The JSON document in `file`, or on standard input for `-`. Raises InvalidInput with each field of it that is
    wrong, and the words that are allowed there."""
    from kz_compliance_sdk.domain.values import FROM_WIRE
    from kz_compliance_sdk.wire.strict_json import loads

    where = "standard input" if file == "-" else file
    body = read_bytes(option, file, "Name a JSON file, or - for standard input.", _MOST + 1)
    if len(body) > _MOST:
        raise wrong(option, f"{where} is larger than {_MOST // 2**20} MiB.", "Hand in less.")
    try:
        return cast("_M", model.model_validate(loads(body, max_nodes=_NODES), context=FROM_WIRE))
    except Unreadable as error:
        found = [error]
    except ValidationError as error:
        found = [*_mistakes(error)]
    found[0].remedy = f"{found[0].remedy} {hint}".rstrip()
    raise InvalidInput.together(
        *(
            InvalidInput(
                f"{one.message.rstrip('.')}.",
                field=f"{option} {where}: {one.field}" if one.field else f"{option} {where}",
                remedy=one.remedy,
                code=one.code,
            )
            for one in found[:_SHOWN]
        )
    ) from None


def _mistakes(error: ValidationError) -> Iterator[Unreadable]:
    from kz_compliance_sdk.wire.strict_json import mistakes

    places = [one["loc"] for one in error.errors()]
    told = [
        (one, found)
        for one, found in zip(error.errors(), mistakes(error), strict=True)
        # What of a list could not be read is missing in it as well.
        if one["type"] != "too_short" or not any(place[: len(one["loc"])] == one["loc"] != place for place in places)
    ]
    # A check can be answered or named, and pydantic tells of both ways that it tried.
    answered = [(one, found) for one, found in told if one["loc"][-1] not in ("constrained-int", "int")]
    for one, found in answered or told:
        found.field = _TRIED.sub("legal_check", found.field)
        if one["type"] == "literal_error":
            found.remedy = f"Use one of: {one['ctx']['expected']}."
        elif one["type"] == "string_too_short":
            found.remedy = "Fill it in."
        yield found


def words_in(file: str, option: str) -> str:
    """What a person wrote in `file`, or on standard input for `-`. Raises InvalidInput."""
    body = read_bytes(option, file, "Name a file with the words in it, or - for standard input.", _MOST + 1)
    if len(body) > _MOST:
        raise wrong(option, f"it is larger than {_MOST // 2**20} MiB.", "Hand in less.")
    try:
        return body.decode("utf-8-sig").strip()
    except UnicodeDecodeError:
        raise wrong(option, "it is no text in UTF-8.", "Save it as UTF-8.") from None


def edited(form: str) -> str:
    """What a person made of `form` in their editor, without the lines that begin with `#`. The file is theirs alone,
    and is gone again. Raises InvalidInput."""
    import shlex
    import subprocess
    from tempfile import TemporaryDirectory

    named = os.environ.get("VISUAL") or os.environ.get("EDITOR") or "vi"
    with TemporaryDirectory() as folder:
        file = Path(folder, "words.txt")
        file.write_text(form, encoding="utf-8")
        try:
            ended = subprocess.run([*shlex.split(named), str(file)], check=False)  # noqa: S603  the person's own editor
        except OSError as error:
            raise wrong("EDITOR", f"{named} cannot be started: {error.strerror}.", "Name your editor there.") from None
        if ended.returncode:
            raise wrong("EDITOR", f"{named} ended with {ended.returncode}.", "Nothing was written. Try again.")
        lines = file.read_text(encoding="utf-8", errors="replace").splitlines(keepends=True)
    return "".join(line for line in lines if line[:1] != "#").strip()


class HandedIn(BaseModel):
    """What a command reads as JSON and the contract has no form for."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)


def _skeleton(name: str) -> dict[str, Any]:
    text = files("kz_compliance_sdk.faces.cli").joinpath("skeletons.json").read_text(encoding="utf-8")
    found: dict[str, Any] = json.loads(text)[name]
    return found


def entry_skeleton() -> dict[str, Any]:
    """An entry in the register in which a person has still to fill in everything."""
    return _skeleton("entry")


def proposal_skeleton(file: CaseFile, languages: tuple[str, ...]) -> dict[str, Any]:
    """A proposal for every open item in which a person has still to decide everything: as it is, it is refused. It
    names the content that was last seen."""
    case, seen = file.case, {row.item_id: row.digest or None for row in file.content}
    words = _skeleton("wording") | {"statement_of_reasons": [{"lang": lang, "text": ""} for lang in languages]}
    items = [
        _skeleton("item")
        | {"item_id": item.item_id}
        | ({"content_sha256": seen.get(item.item_id)} if seen else {})
        | {"wording": words}
        for item in case.items
        if item.item_id in case.open_items
    ]
    return {"items": items, "legal_check": legal_check_skeleton(), "text_checked": False}


def filled_in(skeleton: dict[str, Any], way: str, words: OwnWords) -> dict[str, Any]:
    """The skeleton as a refusal (`refuse`) or as the measure of this name, in the platform's own words. What was seen,
    why it follows, and that the text was read stay for a person to say."""
    from kz_compliance_sdk.domain.decision import OUTCOME_OF_ACTION

    refuses = way == "refuse"
    action = "none" if refuses else way
    outcomes = {str(name): outcome for name, outcome in OUTCOME_OF_ACTION.items()}
    for item in skeleton["items"]:
        item |= {"action": action, "ground": None if refuses else "local_law"}
        said = [{**one, "text": getattr(words, one["lang"], "")} for one in item["wording"]["statement_of_reasons"]]
        item["wording"] = {
            **item["wording"],
            "outcome": outcomes.get(action, "refused"),
            "statement_of_reasons": said,
            "refusal_code": words.refusal_code if refuses else None,
            "legal_provision": words.legal_provision,
        }
    return {**skeleton, "legal_check": None} if refuses else skeleton


def legal_check_skeleton() -> dict[str, str]:
    """The questions of the legal check, unanswered."""
    from kz_compliance_sdk.domain.decision import QUESTIONS

    return {**{question.name: "" for question in QUESTIONS}, "note": ""}


def legal_check_choices(lang: str = "en") -> list[tuple[str, str]]:
    """Each question of the legal check as it is asked, and the answer that bars a measure on local law."""
    from kz_compliance_sdk.domain.decision import QUESTIONS

    return [(question.name, f"{question.text[lang]} ({question.bars} bars)") for question in QUESTIONS]


def proposal_choices() -> list[tuple[str, str]]:
    """The words that a proposal may hold, field by field."""
    from kz_compliance_sdk.domain import decision
    from kz_compliance_sdk.domain.decision import Answer
    from kz_compliance_sdk.domain.report import CannotComplyReason, Ground, Outcome, RefusalCode

    return [
        ("finding", ", ".join(get_args(decision.Finding))),
        ("action", ", ".join(get_args(decision.Action))),
        ("ground", f"{', '.join(get_args(Ground))}, or null where the action is none"),
        ("outcome", ", ".join(word for word in get_args(Outcome) if word not in ("restored", "pending"))),
        ("refusal_code", f"{', '.join(get_args(RefusalCode))}, with the outcome refused"),
        ("cannot_comply", f'{{"reason": {", ".join(get_args(CannotComplyReason))}}}, with that outcome'),
        ("contest", '{"body": ..., "reference": ...}, with the outcome contested'),
        (
            "legal_check",
            f"{', '.join(get_args(Answer))} to each, or the number of a recorded check; null if no measure is proposed",
        ),
        *((f"  {name}", asked) for name, asked in legal_check_choices()),
        ("text_checked", "true once a person has found no user and no reporter named in the outgoing text"),
    ]


def notice_skeleton(platform_id: str) -> dict[str, Any]:
    """A notice to type in, with what no notice is without: as it is, it is refused."""
    return _skeleton("notice") | {"platform_id": platform_id}


def notice_choices(categories: Iterable[str]) -> list[tuple[str, str]]:
    """What the fields of a typed-in notice may hold."""
    from kz_compliance_sdk.domain.notice import AuthorityType, ContentType, NoticeKind, RequestedAction

    return [
        ("notice_id", "the number that the office gives it, such as the letter's: letters, digits, . _ : -"),
        ("reference_number", "the letter's own number"),
        ("kind", ", ".join(get_args(NoticeKind))),
        ("authority type", ", ".join(get_args(AuthorityType))),
        ("issued_at", "2026-11-24T14:05:00+05:00, the date on the letter"),
        ("category", f"{', '.join(categories)}; any other is accepted with a flag"),
        ("items", "url, object_id or account_ref, as the letter names it"),
        ("content_type", ", ".join(get_args(ContentType))),
        ("requested_action", ", ".join(get_args(RequestedAction))),
    ]


def received_at(text: str, option: str) -> int:
    """The time on the stamp of a letter, in UTC seconds: RFC 3339, or `2026-11-24 14:05` in Asia/Almaty.

    Raises InvalidInput that names the option.
    """
    from datetime import datetime

    from pydantic_core import PydanticCustomError

    from kz_compliance_sdk.domain.clock import almaty
    from kz_compliance_sdk.domain.values import parse_instant

    for form in ("%Y-%m-%d %H:%M", "%Y-%m-%d %H:%M:%S"):
        try:
            return int(datetime.strptime(text, form).replace(tzinfo=almaty()).timestamp())
        except ValueError:
            continue
    try:
        return parse_instant(text)
    except PydanticCustomError as error:
        raise wrong(
            option,
            f"{error.message()}.",
            "Write 2026-11-24T14:05:00+05:00, or '2026-11-24 14:05' for the time in Almaty.",
        ) from None
