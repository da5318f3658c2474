"""The platform's own calls: its content, what carries a measure out, and the way to its users."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from kz_compliance_sdk.domain.checkpoints import Checkpoint
from kz_compliance_sdk.domain.content import Reference
from kz_compliance_sdk.ports.regulator import RetryAt


@dataclass(frozen=True, slots=True)
class Effect:
    """What the platform is asked to do to one object. `version` grows for each object: refuse one that is lower than
    the highest you have seen for `object_key`. Doing the same effect twice must change nothing.

    `content_sha256` is the content that was decided about, empty if nobody looked at it: compare it once more as you
    act, and answer `Failed(..., permanent=True)` if it is another. Keep a sealed copy until `preserve_until` (UTC
    seconds), so that `restore` can bring it back.
    """

    object_key: str
    version: int
    action: str
    scope: tuple[str, ...]
    case_id: str
    item_id: str
    url: str
    object_id: str
    account_ref: str
    content_sha256: str = ""
    preserve_until: int | None = None


@dataclass(frozen=True, slots=True)
class InForce:
    """Done. `effective_at` is since when this effect stands: whole UTC seconds, not before it was decided."""

    effective_at: int


@dataclass(frozen=True, slots=True)
class Pending:
    """Begun; ask again at `check_at` (whole UTC seconds, within 30 days)."""

    check_at: int


@dataclass(frozen=True, slots=True)
class Failed:
    """Not done. `permanent` means that trying the same again cannot help: the item goes back to review."""

    reason: str
    permanent: bool = False


EffectResult = InForce | Pending | Failed


@dataclass(frozen=True, slots=True)
class Resolved:
    """A piece of content as it is `at` this time (UTC seconds). `digest` is its SHA-256 in lower-case hex, `preview` a
    short text for the person who decides: it is shown and never kept. `available` is False where the content is gone;
    then `digest` says nothing."""

    object_id: str
    digest: str
    available: bool
    at: int
    preview: str | None = field(default=None, repr=False)


class Content(Protocol):
    """The platform's own view of its content. Blocking; called from worker threads. It may raise.

    The digest is of the content itself: a measure must not change it, and content that a measure hides is still
    available. Anything else that can be seen of it, such as counters, does not belong into the digest.
    """

    def resolve(self, reference: Reference) -> Resolved: ...


class Enforcer(Protocol):
    """The platform's own calls. Blocking; called from worker threads; must be idempotent.

    To lift what is gone is nothing to do: answer InForce.
    """

    def enforce(self, effect: Effect) -> EffectResult: ...

    def restore(self, effect: Effect) -> EffectResult: ...


@dataclass(frozen=True, slots=True)
class Told:
    """The platform has told the user, or holds the message for them, since `told_at` (whole UTC seconds, not before the
    message was written)."""

    told_at: int


TellResult = Told | RetryAt | Failed


class Messenger(Protocol):
    """The platform's own way to its users. Blocking; called from worker threads; idempotent by the notice's `id`.

    A user who is gone is `Failed(..., permanent=True)`: it is recorded, and holds up nothing else.
    """

    def tell(self, notice: UserNotice) -> TellResult: ...


@dataclass(frozen=True, slots=True)
class AlertLine:
    """What is told of one case, or of what belongs to none: no content, no names. `due_at` is UTC seconds. `waiting` is
    how many reports wait while the regulator is out of reach, 0 in every other alert.

    `level` lies on one scale, 1 to 100, for the steps of the ladder and for everything else that people are told: about
    20 is something to read, 30 to 40 something to look at soon, and from 50 on it is for now.
    """

    case_reference: str
    reason: str
    due_at: int
    level: int
    link: str
    waiting: int = 0


@dataclass(frozen=True, slots=True)
class Alert:
    """What one audience is told at once: at least one line, and as many as there is to tell, the loudest first.
    `level` is the highest of them."""

    audience: tuple[str, ...]
    level: int
    lines: tuple[AlertLine, ...]


class Notifier(Protocol):
    """A way to alert people. Raises if the alert was not delivered; it is then tried again, with all its lines."""

    def notify(self, alert: Alert) -> None: ...


class Witness(Protocol):
    """Somebody outside the store who keeps checkpoints. Raises if this one is not kept; it is then handed out again."""

    def keep(self, checkpoint: Checkpoint) -> None: ...


@dataclass(frozen=True, slots=True)
class UserNotice:
    """What an affected user is to be told about one item. Telling the same `id` twice must tell the user once.

    `kind` is `measure`, `restored` or `appeal_decided`; `url`, `object_id` and `account_ref` are the item as the notice
    named it, and whose it is the platform knows. `outcome` is the report's word for the measure, or `restored`,
    `upheld`, `reversed`. `authority` holds the name of whoever demanded it by language, `texts` the whole statement as
    plain text in `kk`, `ru` and `en`: escape it where it goes into markup. Times are UTC seconds; `effective_at` is 0
    where there is none. Nothing in it comes from a reporter, and it names no moderator.
    """

    id: str
    kind: str
    case_id: str
    item_id: str
    object_key: str
    url: str
    object_id: str
    account_ref: str
    outcome: str
    action: str
    scope: tuple[str, ...]
    ground: str
    legal_provision: str
    legal_basis: tuple[str, ...]
    authority: Mapping[str, str]
    authority_type: str
    reference_number: str
    effective_at: int
    made_at: int
    appeal_url: str
    appeal_answer_s: int
    texts: Mapping[str, str]
