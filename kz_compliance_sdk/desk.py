"""The desk: one method for each step of the job, and what it is made of."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import cached_property, partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from kz_compliance_sdk import assembly
from kz_compliance_sdk.assembly import RegisteredContent, RegisteredEnforcer, RegisteredMessenger
from kz_compliance_sdk.config import Settings
from kz_compliance_sdk.domain import commands
from kz_compliance_sdk.domain.actor import Actor, check_actor
from kz_compliance_sdk.domain.believed import as_made
from kz_compliance_sdk.domain.case import Case, CaseState
from kz_compliance_sdk.domain.change import OutboxMessage
from kz_compliance_sdk.domain.commands import Command
from kz_compliance_sdk.domain.commands.review import Decided, Lease
from kz_compliance_sdk.domain.decision import Proposal
from kz_compliance_sdk.domain.messages import BY_HAND, REGULATOR, Respondent
from kz_compliance_sdk.domain.metrics import COMMAND, NO_MESSAGE, RECEIVE
from kz_compliance_sdk.domain.notice import Item, Notice
from kz_compliance_sdk.domain.received import SanctionNoted
from kz_compliance_sdk.domain.transitions import Waiting
from kz_compliance_sdk.errors import ConfigError, Conflict, InvalidInput, StoreError
from kz_compliance_sdk.evidence.checkpoints import Checkpoints
from kz_compliance_sdk.evidence.taking import Evidence
from kz_compliance_sdk.evidence.verify_store import AuditVerdict, verify
from kz_compliance_sdk.ports import (
    Alert,
    Books,
    Content,
    Effect,
    EffectResult,
    Enforcer,
    Env,
    Health,
    Messenger,
    Notifier,
    Page,
    Reference,
    Regulator,
    Resolved,
    Store,
    TellResult,
    Tx,
    UserNotice,
)
from kz_compliance_sdk.ports.telemetry import Ended, told
from kz_compliance_sdk.services import deadlines, polling
from kz_compliance_sdk.services.admission import Admission, Response, unavailable
from kz_compliance_sdk.services.deadlines import Watched, follow_clock
from kz_compliance_sdk.services.delivery import Delivery, Drained, Ways
from kz_compliance_sdk.services.health import health_document, readings
from kz_compliance_sdk.services.house import House
from kz_compliance_sdk.services.intake import Headers, Intake, Pending
from kz_compliance_sdk.services.letters import Letters, Proof
from kz_compliance_sdk.services.loading import CaseFile as CaseFile
from kz_compliance_sdk.services.loading import Letter as Letter
from kz_compliance_sdk.services.loading import (
    authority_named,
    case_file_of,
    items_named,
    letters_of,
    notice_of,
    sanctions_of,
    stream_in,
)
from kz_compliance_sdk.services.looking import Appeals, Care, Seen
from kz_compliance_sdk.services.polling import Polled
from kz_compliance_sdk.services.privacy import Privacy
from kz_compliance_sdk.services.reconcile import Reconciled, Reconciler
from kz_compliance_sdk.services.sweep import Sweep, Swept
from kz_compliance_sdk.services.take import Taking
from kz_compliance_sdk.transparency.publication import Transparency

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

R = TypeVar("R")
T = TypeVar("T")


class Parts:
    """The parts of one platform's desk, as its settings and whoever makes it ask for them, and the functions that the
    platform registers."""

    def __init__(
        self,
        settings: Settings,
        *,
        enforcer: Enforcer | None = None,
        content: Content | None = None,
        messenger: Messenger | None = None,
        notifier: Notifier | None = None,
        regulator: Regulator | None = None,
        store: Store | None = None,
        env: Env | None = None,
        create: bool = False,
    ) -> None:
        self.settings = settings
        self.platform_id = settings.platform_id
        self.env = env or Env.system()
        self.policy = settings.policy()
        self.respondent = Respondent(
            settings.respondent.role, settings.respondent.name, assembly.seal(settings.signing())
        )
        self.telemetry = assembly.telemetry(settings, self.env)
        self.store: Store = store or assembly.open_store(settings, self.env, self.telemetry, create=create)
        self._given_regulator = regulator
        self._given_notifier = notifier
        self._enforcer = RegisteredEnforcer(enforcer)
        self._messenger = RegisteredMessenger(messenger)
        self._telling = assembly.telling(settings)
        self._alert_calls: list[Callable[[Alert], None]] = []
        self.intake = Intake(
            Admission.under(
                self.platform_id,
                self.policy,
                self.respondent,
                frozenset(settings.hosts),
                assembly.recipient(settings),
            ),
            settings.key_ring(),
            target_uri=settings.intake_target,
            clock=self.store.now,
            ids=self.env.ids,
            channel=REGULATOR if regulator is not None else settings.regulator.channel,
            max_body=settings.limits.max_body,
        )
        self._content = RegisteredContent(content)
        self._looking = assembly.looking(self.store, self.platform_id, self._content, self.env)
        self._taking = Taking(
            *(self.store, self.platform_id, self.policy, self.respondent, self._telling, self._looking),
            assembly.empties_log(self.store),
        )
        self._letters = Letters(self.store, self.platform_id)
        self.telemetry.reads(lambda: readings(*self._health()))

    def on_enforce(self, call: Callable[[Effect], EffectResult]) -> Callable[[Effect], EffectResult]:
        """Register the function that carries a measure out. Usable as a decorator."""
        self._enforcer.enforce_call = call
        return call

    def on_restore(self, call: Callable[[Effect], EffectResult]) -> Callable[[Effect], EffectResult]:
        """Register the function that lifts a measure. Usable as a decorator."""
        self._enforcer.restore_call = call
        return call

    def on_resolve(self, call: Callable[[Reference], Resolved]) -> Callable[[Reference], Resolved]:
        """Register the function that says what a piece of content is now. Usable as a decorator."""
        self._content.resolve_call = call
        return call

    def on_tell_user(self, call: Callable[[UserNotice], TellResult]) -> Callable[[UserNotice], TellResult]:
        """Register the function that tells an affected user. Usable as a decorator."""
        self._messenger.call = call
        return call

    def on_alert(self, call: Callable[[Alert], None]) -> Callable[[Alert], None]:
        """Register a function that alerts people, beside the log. Usable as a decorator."""
        self._alert_calls.append(call)
        return call

    def call_within(self, context: Callable[[], AbstractContextManager[object]]) -> None:
        """Call enforcer, content and messenger within a context that is made for each call, on the thread that calls,
        such as Flask's `app.app_context`."""
        for calls in (self._enforcer, self._content, self._messenger):
            calls.within = context

    # A process that only receives never sends: the ways out are made when they are first used.

    @cached_property
    def regulator(self) -> Regulator | None:
        """The way to the regulator's system; None if it has none, and answers leave by hand."""
        return self._given_regulator or assembly.http_regulator(self.settings, self.env)

    @cached_property
    def delivery(self) -> Delivery:
        """What carries out, reports and alerts; the worker drives it."""
        regulators = {BY_HAND: assembly.by_hand(self.settings)}
        if self.regulator is not None:
            regulators[REGULATOR] = self.regulator
        notifier = assembly.Alerting(
            self._given_notifier or assembly.notifier(self.settings, self.env), self._alert_calls
        )
        return Delivery(
            self.store,
            self.platform_id,
            self.policy,
            self.respondent,
            Ways(
                *(regulators, self._enforcer, self._enforcer.is_ready, notifier, self._link, self._looking.at_last),
                *(self._messenger, self._messenger.is_ready),
            ),
            clock=self.store.now,
            random=self.env.random,
            spawn=self.env.spawn,
            collect_s=self.settings.notifier.collect_s,
            in_flight=self.settings.regulator.in_flight,
            telling=self._telling,
            telemetry=self.telemetry,
        )

    def _health(self) -> tuple[Health, int]:
        self._flush_refusals()  # whoever looks regularly writes down what a quiet hour would keep in memory
        now = self.store.now()
        return self.store.queries(self.platform_id).health(now), now

    def _flush_refusals(self, *, at_once: bool = False) -> None:
        change = self.intake.refusals_to_flush(at_once=at_once)
        if change:
            try:
                self.store.submit(self.platform_id, lambda _tx: (change, None))
            except StoreError:
                return  # counters only: nothing that was sent is lost

    def _link(self, reference: str) -> str:
        base = self.settings.dashboard_url
        return f"{base.rstrip('/')}/cases/{reference}" if base else ""


class Groups(Parts):
    """What one platform's desk does beside the cases on it, group by group."""

    @cached_property
    def appeals(self) -> Appeals:
        """The appeals of affected users."""
        return Appeals(self.store, self.platform_id)

    @cached_property
    def care(self) -> Care:
        """What helps people to be careful before they decide."""
        return Care(self.store, self.platform_id, self.policy, assembly.recipient(self.settings))

    @cached_property
    def house(self) -> House:
        """The office beside its cases: its entry in the register, and its shifts."""
        return House(self.store, self.platform_id)

    @cached_property
    def privacy(self) -> Privacy:
        """How long personal data is kept, who takes it out, and its end."""
        return assembly.privacy(self.settings, self.store)

    @cached_property
    def proof(self) -> Checkpoints:
        """The checkpoints over all cases, and the proofs that a case is in one."""
        return assembly.checkpoints(self.settings, self.store, self.env, self.respondent.seal)

    @cached_property
    def transparency(self) -> Transparency:
        """The transparency reports of the platform."""
        return assembly.transparency(self.settings, self.store, self.policy)


@dataclass(frozen=True, slots=True)
class Receiving:
    """A pushed message: its answer, or the future of what must first become durable; `told` gives on whatever is
    answered in the end, and tells of it who watches."""

    answer: Response | Future[Response]
    told: Callable[[Response], Response]


class ComplianceDesk(Groups):
    """Answers the notices that one platform receives. Blocking; safe to share between threads.

    Give it the platform's `enforcer` (or register functions with `on_enforce` and `on_restore`), its `content` (or
    `on_resolve`) if people are to decide about what was seen and nothing else, its `messenger` to the affected users
    (or `on_tell_user`) and, if people are to be paged otherwise than by the log, a `notifier`. The configured store
    must be there, unless it is to `create` it: a path that is mistyped would begin an empty one.

    Raises ConfigError and StoreUnusable.
    """

    # ----------------------------------------------------------------------------------------------- intake

    def receive(self, method: str, target: str, headers: Headers, body: bytes) -> Response:
        """Answer a pushed message: only after what it says is durable. Never raises for anything that is sent.

        `target` is the raw target of the request line, header names are in lower case.
        """
        one = self.receiving(method, target, headers, body)
        try:
            waits_s = self.settings.limits.commit_timeout_s
            answer = one.answer if isinstance(one.answer, Response) else one.answer.result(waits_s)
        except TimeoutError:
            answer = unavailable(StoreError("the write is taking too long.", code="storage_busy"))
        except Exception as error:  # noqa: BLE001  a sender gets an answer, whatever it sent
            answer = unavailable(error)
        return one.told(answer)

    def receiving(self, method: str, target: str, headers: Headers, body: bytes) -> Receiving:
        """As `receive`, but does not wait for what must first become durable. Never raises."""
        ended, kind = self.telemetry.begin(RECEIVE), NO_MESSAGE
        answer: Response | Future[Response]
        try:
            pending = self.intake.receive(method, target, headers, body)
            if isinstance(pending, Pending):
                kind = pending.kind
                answer = self.store.submit(self.platform_id, pending.work, pending.asks)
            else:
                self._flush_refusals()
                answer = pending
        except Exception as error:  # noqa: BLE001  as above
            answer = unavailable(error)
        return Receiving(answer, partial(_answered, ended, kind))

    def refuse_early(self, method: str, headers: Headers, length: int) -> Response | None:
        """The answer to a message that is refused by its head alone, before its body is read; None if it is not."""
        answer = self.intake.check_transport(method, headers, length)
        return None if answer is None else _answered(self.telemetry.begin(RECEIVE), NO_MESSAGE, answer)

    def poll(self, limit: int = 100) -> Polled:
        """Fetch one page of the regulator's feed and store it; at its end, read again what could not be believed.
        Raises RegulatorError and ConfigError."""
        if self.regulator is None:
            raise ConfigError(
                "no regulator is configured.", field="regulator.url", remedy="Set the address of its system."
            )
        feed = (self.store, self.intake, self.regulator, self.platform_id, self.settings.intake_path, limit)
        polled = polling.poll(*feed)
        return polled if polled.has_more else replace(polled, read_again=polling.read_again(*feed))

    def enter(self, actor: Actor, notice: Notice, received_at: int, how: str) -> Case:
        """Type in a letter, e-mail or phone call that the office received at `received_at` (UTC seconds).

        It is unverified, and no measure can be taken, until somebody else calls `authenticate`. The same notice again
        returns the case that is there. Raises NotAllowed, InvalidInput, Conflict, and IllegalMove for an amendment that
        was dismissed before.
        """
        work, _ = self.intake.typed(notice, received_at, how, actor)
        answer = self.store.submit(self.platform_id, work).result()
        if answer.status not in (200, 202):
            raise Conflict(
                "another notice is held already under this number and revision; the second is in quarantine.",
                reference=notice.notice_id,
            )
        page = self.store.queries(self.platform_id).cases(notice_id=notice.notice_id)
        return next(case for case in page.cases if case.authority_id == notice.issuing_authority.id)

    # ------------------------------------------------------------------------------------- what people do to a case

    def take(self, actor: Actor | None, case_id: str, command: Command[R]) -> R:
        """Take a command (`kz_compliance_sdk.commands`) on a case, and return what its class says. Without an actor the
        platform's own system takes it, such as an appeal that its form hands in.

        Beside what the class says it raises NotAllowed for somebody who may not take it, InvalidInput naming the field
        and the remedy, NotFound, and IllegalMove in a state of the case from which it leads nowhere."""
        if actor is not None:
            check_actor(actor)
        with told(self.telemetry, COMMAND, command=type(command).__name__):
            outcome = self._taking.take(actor, case_id, command).result()
            command.after(self._taking)
            return outcome

    def claim(
        self,
        actor: Actor,
        *,
        category: str | None = None,
        case_id: str | None = None,
        may_see: Callable[[Case], bool] | None = None,
    ) -> Lease | None:
        """Take the most urgent free case, or the one named, for the policy's lease time; None if nothing is free.
        `may_see` is asked for each case whether it is there for this person.
        Raises NotAllowed, and NotFound or IllegalMove for a named case."""
        with told(self.telemetry, COMMAND, command="Claim"):
            return self._taking.claim(actor, category=category, case_id=case_id, may_see=may_see).result()

    def renew(self, actor: Actor, case_id: str, token: int) -> Lease:
        """Keep a claimed case for another lease time. Raises LeaseLost."""
        return self.take(actor, case_id, commands.Renew(token))

    def release(self, actor: Actor, case_id: str, token: int) -> Case:
        """Give a claimed case back to the queue. Raises LeaseLost."""
        return self.take(actor, case_id, commands.Release(token))

    def propose(self, actor: Actor, case_id: str, token: int, proposal: Proposal) -> Decided:
        """Propose a decision for every open item; it is final at once where policy asks for no second person.
        Raises LeaseLost, InvalidInput naming the field and the remedy, NotAllowed."""
        return self.take(actor, case_id, commands.Propose(token, proposal))

    @property
    def can_look(self) -> bool:
        """Whether there is a Content port, so that a measure must name the content that was seen."""
        return self._content.is_ready()

    def look(self, actor: Actor, case_id: str, token: int | None = None) -> tuple[Seen, ...]:
        """Look at the content of every open item, and record its digests. Raises NotAllowed, IllegalMove, LeaseLost,
        Conflict, and ConfigError without a Content port. A call that fails or hangs is a `fault` of its item."""
        return self._looking.look(actor, case_id, token)

    def approve(self, actor: Actor, case_id: str, digest: str) -> Decided:
        """Approve exactly the proposal whose digest was seen. Raises Conflict, NotAllowed, IllegalMove."""
        return self.take(actor, case_id, commands.Approve(digest))

    def send_back(self, actor: Actor, case_id: str, digest: str, reasons: str) -> Case:
        """Send a proposal back to the queue, with reasons. Raises Conflict, NotAllowed, IllegalMove."""
        return self.take(actor, case_id, commands.SendBack(digest, reasons))

    def undo(self, actor: Actor, case_id: str) -> Case:
        """Take a decision back inside the undo window. Raises IllegalMove once anything has been carried out."""
        return self.take(actor, case_id, commands.Undo())

    def acknowledge(self, actor: Actor, case_id: str) -> Case:
        """Record that a person has seen the escalations of a case."""
        return self.take(actor, case_id, commands.Acknowledge())

    # ---------------------------------------------------------------------------------------------- by hand

    def letter(self, message_id: str, lang: str, *, case_id: str | None = None) -> str:
        """The letter for a message that waits for a person, in `kk` or `ru`; with its `case_id` also for one that was
        delivered. Raises NotFound, InvalidInput."""
        held = [] if case_id is None else self.store.queries(self.platform_id).records(case_id).messages
        known = next((message for message in held if message.id == message_id), None)

        def read(tx: Tx) -> tuple[OutboxMessage, Mapping[str, Item], str]:
            if known is None:
                message = tx.message(message_id)
            else:
                message = as_made(stream_in(tx, known.case_id), known, tx.words)
            case = tx.case(message.case_id)
            return message, items_named(tx, case), authority_named(tx, case, lang)

        message, items, addressee = self._read(read)
        return assembly.letter(self.settings, message.body, lang, items, addressee)

    def record_delivery(self, actor: Actor, message_id: str, proof: Proof) -> Case:
        """Record that a letter was delivered: its receipt. Raises InvalidInput, IllegalMove."""
        return self._letters.record(actor, message_id, proof)

    def retry(self, actor: Actor, message_id: str) -> OutboxMessage:
        """Try a parked message again, now. Raises IllegalMove."""
        return self._letters.retry(actor, message_id)

    # ------------------------------------------------------------------------------------------- machinery

    def deliver(self) -> Drained:
        """One pass over the outbox: carry out, report, alert what is due. The worker does this all the time."""
        return self.delivery.drain_once()

    def watch(self, now: int | None = None) -> Watched:
        """Fire the escalation steps that are due at `now` (UTC seconds; by default the store's clock, and then it is
        looked first whether that was set)."""
        self._flush_refusals()
        if now is None:
            follow_clock(self.store, self.platform_id, self.policy, self.env)
        return deadlines.watch(self.store, self.platform_id, self.policy, now)

    def sweep(self, progress: Callable[[int], None] | None = None) -> Swept:
        """Hold the row of every case against its chain, make those anew that lie or are gone, and page. The worker does
        this all the time, a few cases at once. `progress` is told how many cases were looked at."""
        return Sweep(self.store, self.platform_id, self.policy, self.respondent, self.env.monotonic).all(progress)

    def reconcile(self, progress: Callable[[int, int], None] = lambda _n, _of: None) -> Reconciled:
        """Compare our books with the regulator's; what arrived there and not here is taken in. The worker does this
        once a day. `progress` is told how many notices of how many were compared, and ends it by what it raises. Raises
        ConfigError where no regulator is configured that shows its books, RegulatorError and StoreError."""
        if not isinstance(self.regulator, Books):
            raise ConfigError(
                "no regulator is configured that shows its books.",
                field="regulator.url",
                remedy="Set the address of its system, or give the desk a regulator with `held` and `sanctions`.",
            )
        books = Reconciler(self.store, self.intake, self.regulator, self.platform_id, self.settings.intake_path)
        return books.run(progress)

    # --------------------------------------------------------------------------------------------- reading

    def cases(
        self,
        *,
        state: str | None = None,
        category: str | None = None,
        authority_id: str | None = None,
        notice_id: str | None = None,
        overdue: bool = False,
        due_by: int | None = None,
        person: str | None = None,
        waits_for: Waiting | None = None,
        cursor: str | None = None,
        limit: int = 50,
    ) -> Page:
        """A page of cases, most urgent first; those that have ended only by their `state`, one of CaseState: those that
        are `overdue`, or due before `due_by` (UTC seconds), those that a `person` (an id) holds or that are assigned to
        them, those that wait for a second person or for the authority. Raises InvalidInput for a state, cursor or limit
        that cannot be."""
        if state is not None and state not in set(CaseState):
            raise InvalidInput(
                f"there is no state {state!r}.", field="state", remedy=f"Use one of: {', '.join(CaseState)}."
            )
        return self.store.queries(self.platform_id).cases(
            state=state,
            category=category,
            authority_id=authority_id,
            notice_id=notice_id,
            overdue_at=self.store.now() if overdue else due_by,
            person=person,
            waits_for=waits_for,
            cursor=cursor,
            limit=limit,
        )

    def each_case(
        self,
        *,
        state: str | None = None,
        category: str | None = None,
        authority_id: str | None = None,
        overdue: bool = False,
    ) -> Iterator[Case]:
        """Each case of `cases`, page by page, as long as somebody asks. What changes its place meanwhile may come twice
        or not at all. Raises as `cases`."""
        page_of = partial(self.cases, state=state, category=category, authority_id=authority_id, overdue=overdue)
        page = page_of()
        yield from page.cases
        while page.next_cursor is not None:
            page = page_of(cursor=page.next_cursor)
            yield from page.cases

    def case(self, case_id: str) -> Case:
        """Raises NotFound."""
        return self.store.queries(self.platform_id).case(case_id)

    def notice(self, case_id: str) -> Notice:
        """The notice of a case as it stands now. Raises NotFound, also for a case in quarantine."""
        return self._read(lambda tx: notice_of(tx, tx.case(case_id)))

    def letters_waiting(self, case_id: str) -> tuple[Letter, ...]:
        """The letters about a case that were typed in and that nobody has vouched for or dismissed, oldest first."""
        return self._read(lambda tx: letters_of(tx, tx.case(case_id)))

    def case_file(self, case_id: str) -> CaseFile:
        """Everything that is held of a case. Raises NotFound."""
        return case_file_of(self.store.queries(self.platform_id), case_id, self.store.now())

    def record_view(self, actor: Actor, case_id: str) -> bool:
        """Record that a person looked at a case: call it when you show one. It refuses nobody, and one view stands for
        all of that person's for 15 minutes: False if it did. Raises NotFound."""
        check_actor(actor)
        return self._evidence.record_view(actor, case_id)

    def evidence(self, actor: Actor, case_id: str, *, lang: str = "ru", full: bool = False, reason: str = "") -> bytes:
        """The evidence pack of a case, a zip: signed, readable in `kk`, `ru` or `en`, and without the names of people.

        A `full` one holds them and every byte; it takes a lead, legal or head, and a `reason`, which is sealed. That a
        pack was made is an event of the case. Raises NotFound, NotAllowed, InvalidInput.
        """
        return assembly.evidence(self.settings, self._evidence, actor, case_id, lang, full=full, reason=reason)

    def sanctions(self) -> list[SanctionNoted]:
        """Every sanction that was announced, oldest first. One that cannot be read is not among them: people are told
        of `log`, and `verify` says which."""
        told, _ = sanctions_of(self.store.queries(self.platform_id))
        return told

    def health(self) -> Health:
        """Counts, the oldest deadline, the breakers, and when each part of the machinery last ran."""
        return self.store.queries(self.platform_id).health(self.store.now())

    def health_document(self) -> dict[str, Any]:
        """`health` as a document for monitoring, without any case, content or name."""
        return health_document(*self._health())

    def metrics(self) -> CollectorRegistry:
        """A Prometheus registry of its own with every metric. Raises ConfigError without the extra `prometheus`."""
        return self.telemetry.prometheus()

    def verify_audit(
        self,
        case_id: str | None = None,
        progress: Callable[[int], None] | None = None,
        *,
        checkpoint: bytes | None = None,
    ) -> AuditVerdict:
        """Check the ledger of one case or of all: chains, the rows that are made of them, and what checkpoints saw.
        `checkpoint` is what was kept of these elsewhere, one a line. Raises InvalidInput if it holds none."""
        queries, check = self.store.queries(self.platform_id), assembly.seal_check(self.settings.signing())
        return verify(queries, self.platform_id, case_id, progress, kept=checkpoint, check=check, policy=self.policy)

    def _read(self, read: Callable[[Any], T]) -> T:
        return self.store.submit(self.platform_id, lambda tx: ((), read(tx))).result()

    @cached_property
    def _evidence(self) -> Evidence:
        target_uri, prove = self.settings.intake_target, self.proof.prove
        return Evidence(self.store, self.platform_id, self.policy, target_uri=target_uri, prove=prove)

    def close(self) -> None:
        """Finish what was queued, and let the store and the connections go."""
        self._flush_refusals(at_once=True)
        self.telemetry.reads(None)
        self.store.close()
        close = getattr(self.__dict__.get("regulator"), "close", None)
        if close is not None:
            close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _answered(ended: Ended | None, kind: str, answer: Response) -> Response:
    """The answer, told."""
    if ended is not None:
        ended(message=kind, status=str(answer.status))
    return answer
