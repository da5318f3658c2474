"""Schemathesis, driven from the published files: what it generates, how it is signed, and what is checked."""

from __future__ import annotations

import copy
import itertools
import json
import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

import hypothesis
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.strategies import SearchStrategy
from requests.auth import AuthBase
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.config import SchemathesisConfig
from schemathesis.core import NOT_SET
from schemathesis.core.result import Ok
from schemathesis.core.transport import Response
from schemathesis.generation.case import Case as AnyCase
from schemathesis.schemas import BaseSchema
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    missing_required_header,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from kz_compliance_sdk.testing.keys import platform_signing_key, regulator_signing_key
from kz_compliance_sdk.wire.signature import SIGNATURE_HEADERS, Profile, SigningKey, sign
from tests.docs.blocks import DOCS

SEED: Final = 20_261_124
EDGES: Final = 16
"""Of each operation. The edges of a report alone are 377, and take a minute to make."""
CHECKS: Final = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    missing_required_header,
]
Case = AnyCase[Any]
Aim = Callable[[Case], None]


class Signer(AuthBase):
    """Signs what `requests` is about to send, whatever schemathesis put into it."""

    def __init__(self, key: SigningKey, profile: Profile, origin: str, now: Callable[[], int]) -> None:
        self._key, self._profile, self._origin, self._now, self._made = key, profile, origin, now, 0

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        self._made += 1
        body = request.body or b""
        raw = body.encode() if isinstance(body, str) else bytes(body)
        for name in SIGNATURE_HEADERS:
            request.headers.pop(name, None)
        request.headers.update(
            sign(
                self._key,
                self._profile,
                str(request.method),
                self._origin + request.path_url,
                raw,
                self._now(),
                _id_of(raw) or f"msg-{self._made}",
                f"nonce-{self._made}",
            )
        )
        return request


def regulator_signer(origin: str, now: Callable[[], int], profile: Profile = "rfc9421") -> Signer:
    """Signs pushes to the platform."""
    return Signer(regulator_signing_key(profile), profile, origin, now)


def platform_signer(origin: str, now: Callable[[], int], profile: Profile = "rfc9421") -> Signer:
    """Signs requests to the regulator."""
    return Signer(platform_signing_key(profile), profile, origin, now)


def _id_of(body: bytes) -> str | None:
    """The message's id, which `standard-webhooks` signs, if the body has one that can be signed."""
    try:
        name = json.loads(body)["id"]
    except (ValueError, TypeError, KeyError):
        return None
    return name if isinstance(name, str) and re.fullmatch(r"[A-Za-z0-9._:-]{1,128}", name) else None


@cache
def published(name: str, *, signed: bool) -> BaseSchema:
    """The published document. The headers that the signer writes are taken out where there is a signer: what is
    generated for them would never be sent."""
    document = json.loads((DOCS / "contract" / name).read_text(encoding="utf-8"))
    if signed:
        document = _unsigned(document)
    config = SchemathesisConfig.from_dict({"generation": {"with-security-parameters": False, "deterministic": True}})
    return schemathesis.openapi.from_dict(document, config=config)


def _unsigned(document: dict[str, Any]) -> dict[str, Any]:
    document = copy.deepcopy(document)
    parameters = document["components"]["parameters"]
    ours = {
        f"#/components/parameters/{key}"
        for key, each in parameters.items()
        if each["name"].lower() in SIGNATURE_HEADERS
    }
    for item in document["paths"].values():
        for operation in item.values():
            operation["parameters"] = [each for each in operation["parameters"] if each["$ref"] not in ours]
    return {**document, "security": []}


@dataclass
class Run:
    """One run against one application. `seen` counts the answers by operation, status and code."""

    session: requests.Session
    base_url: str
    app: Any = None
    aim: Aim | None = None
    on_answer: Callable[[Case, Response], None] | None = None
    refuses_what_does_not_fit: bool = True
    seen: Counter[tuple[str, int, str]] = field(default_factory=Counter)

    def over(self, schema: BaseSchema, *, examples: int, edges: int = EDGES) -> Run:
        """Send what the examples say, what lies at the edges, and what chance makes: fitting the schema and not.

        `edges` and `examples` are how many of the latter two, for each operation; of `examples` as many fit as do not.

        Raises schemathesis' FailureGroup, or AssertionError of `on_answer`, for the first answer that is wrong.
        """
        for result in schema.get_all_operations():
            assert isinstance(result, Ok), "every operation of a published document can be driven"
            operation = result.ok()
            for strategy in operation.get_strategies_from_examples():
                self._draw(strategy, 1)
            for case in _edges(schema, operation.label)[:edges]:
                self._send(_copy(case))
            for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
                self._draw(operation.as_strategy(generation_mode=mode), examples)
        return self

    def _draw(self, strategy: SearchStrategy[Case], count: int) -> None:
        @hypothesis.seed(SEED)
        @settings(
            max_examples=count,
            deadline=None,
            database=None,
            phases=[Phase.explicit, Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(strategy)
        def one(case: Case) -> None:
            self._send(case)

        one()

    def _send(self, case: Case) -> None:
        if self.aim is not None:
            self.aim(case)
        more = {"app": self.app} if self.app is not None else {}
        response = case.call(self.base_url, self.session, **more)
        code = str(_document(response).get("code", ""))
        self.seen[case.operation.label, response.status_code, code] += 1
        checks = [*CHECKS, _code_is_published]
        if self.refuses_what_does_not_fit and self.aim is None:
            checks.append(_refused)
        case.validate_response(response, checks)
        if self.on_answer is not None:
            self.on_answer(case, response)

    def statuses(self, label: str) -> set[int]:
        """The statuses that an operation answered with."""
        return {status for name, status, _ in self.seen if name == label}


def _copy(case: Case) -> Case:
    """An aim changes what is sent, and the same cases serve many runs."""
    made: Case = case.operation.schema.make_case(
        operation=case.operation,
        method=case.method,
        path=case.path,
        path_parameters=copy.deepcopy(case.path_parameters),
        headers=copy.deepcopy(case.headers),
        cookies=copy.deepcopy(case.cookies),
        query=copy.deepcopy(case.query),
        body=copy.deepcopy(case.body) if case.body is not NOT_SET else NOT_SET,
        media_type=case.media_type or "application/json",
        meta=case.meta,
    )
    return made


_MADE: dict[tuple[int, str], list[Case]] = {}


def _edges(schema: BaseSchema, label: str) -> list[Case]:
    """The cases at the edges of an operation: the first of them, once for all runs, since some take seconds to make."""
    key = (id(schema), label)
    if key not in _MADE:
        operation = schema.find_operation_by_label(label)
        assert operation is not None
        modes = [GenerationMode.POSITIVE, GenerationMode.NEGATIVE]
        config = schema.config.generation_for(operation=operation)
        made = schema.iter_coverage_cases(operation, generation_modes=modes, generation_config=config)
        _MADE[key] = list(itertools.islice(made, EDGES))
    return _MADE[key]


def _document(response: Response) -> dict[str, Any]:
    try:
        value = response.json()
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _refused(context: Any, response: Response, case: Case) -> bool | None:
    """schemathesis' check, for which 413 is no refusal."""
    return None if response.status_code == 413 else negative_data_rejection(context, response, case)


def _code_is_published(_context: Any, response: Response, case: Case) -> None:
    """A problem's code stands among those that the document names for its status."""
    if response.status_code < 400 or (code := _document(response).get("code")) is None:
        return
    raw = case.operation.schema.raw_schema
    given = case.operation.definition.raw["responses"].get(str(response.status_code))
    if given is not None and "$ref" in given:
        named = raw["components"]["responses"][given["$ref"].rpartition("/")[2]]["x-codes"]
        assert code in named, f"{code} is not among the codes of {response.status_code}"
