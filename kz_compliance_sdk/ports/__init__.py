"""What the services need from outside: a store, a regulator, the platform's own calls, a way to alert, and `Env`."""

from __future__ import annotations

from concurrent.futures import Future as Future

from kz_compliance_sdk.domain.content import Reference as Reference
from kz_compliance_sdk.ports.env import Boot as Boot
from kz_compliance_sdk.ports.env import Env as Env
from kz_compliance_sdk.ports.env import Uuid7 as Uuid7
from kz_compliance_sdk.ports.platform import Alert as Alert
from kz_compliance_sdk.ports.platform import AlertLine as AlertLine
from kz_compliance_sdk.ports.platform import Content as Content
from kz_compliance_sdk.ports.platform import Effect as Effect
from kz_compliance_sdk.ports.platform import EffectResult as EffectResult
from kz_compliance_sdk.ports.platform import Enforcer as Enforcer
from kz_compliance_sdk.ports.platform import Failed as Failed
from kz_compliance_sdk.ports.platform import InForce as InForce
from kz_compliance_sdk.ports.platform import Messenger as Messenger
from kz_compliance_sdk.ports.platform import Notifier as Notifier
from kz_compliance_sdk.ports.platform import Pending as Pending
from kz_compliance_sdk.ports.platform import Resolved as Resolved
from kz_compliance_sdk.ports.platform import TellResult as TellResult
from kz_compliance_sdk.ports.platform import Told as Told
from kz_compliance_sdk.ports.platform import UserNotice as UserNotice
from kz_compliance_sdk.ports.platform import Witness as Witness
from kz_compliance_sdk.ports.regulator import Books as Books
from kz_compliance_sdk.ports.regulator import ByPerson as ByPerson
from kz_compliance_sdk.ports.regulator import Delivered as Delivered
from kz_compliance_sdk.ports.regulator import FeedMessage as FeedMessage
from kz_compliance_sdk.ports.regulator import FeedPage as FeedPage
from kz_compliance_sdk.ports.regulator import Held as Held
from kz_compliance_sdk.ports.regulator import Regulator as Regulator
from kz_compliance_sdk.ports.regulator import Rejected as Rejected
from kz_compliance_sdk.ports.regulator import RetryAt as RetryAt
from kz_compliance_sdk.ports.regulator import Sent as Sent
from kz_compliance_sdk.ports.regulator import Unknown as Unknown
from kz_compliance_sdk.ports.store import ASKS_NOTHING as ASKS_NOTHING
from kz_compliance_sdk.ports.store import AppealPage as AppealPage
from kz_compliance_sdk.ports.store import Asks as Asks
from kz_compliance_sdk.ports.store import Due as Due
from kz_compliance_sdk.ports.store import Found as Found
from kz_compliance_sdk.ports.store import Health as Health
from kz_compliance_sdk.ports.store import Page as Page
from kz_compliance_sdk.ports.store import Queries as Queries
from kz_compliance_sdk.ports.store import SentAs as SentAs
from kz_compliance_sdk.ports.store import Store as Store
from kz_compliance_sdk.ports.store import Tx as Tx
from kz_compliance_sdk.ports.store import WaitsFor as WaitsFor
from kz_compliance_sdk.ports.store import Work as Work
