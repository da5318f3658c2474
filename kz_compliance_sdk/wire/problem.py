"""Problems as RFC 9457 writes them: what every refusal says on the wire."""

from __future__ import annotations

from typing import Annotated, Final, Self

from pydantic import Field

from kz_compliance_sdk.domain.canonical import canonical
from kz_compliance_sdk.domain.values import ValueModel
from kz_compliance_sdk.errors import Unreadable
from kz_compliance_sdk.wire.strict_json import read

PROBLEM_BASE: Final = "https://kz-compliance.example/problems/"
PROBLEM_MEDIA_TYPE: Final = "application/problem+json"


class Problem(ValueModel):
    """Why a request was not done. `code` is for programs; `field` is a JSON path into what was sent.

    RFC 9457 makes every member optional, and an intermediary may answer in our peer's place.
    """

    type: str = "about:blank"
    title: str | None = None
    status: Annotated[int, Field(ge=100, le=599)] | None = None
    detail: str | None = None
    instance: str | None = None
    code: str | None = None
    field: str | None = None

    @classmethod
    def of(cls, code: str, status: int, detail: str, *, field: str | None = None, instance: str | None = None) -> Self:
        """The problem that `code` names. `instance` is a reference to search the logs for."""
        return cls(
            type=PROBLEM_BASE + code,
            title=code.replace("_", " ").capitalize(),
            status=status,
            detail=detail,
            instance=instance,
            code=code,
            field=field or None,
        )


def problem_bytes(problem: Problem) -> bytes:
    """The body of an answer of type PROBLEM_MEDIA_TYPE; equal problems give equal bytes."""
    return canonical(problem.model_dump(mode="json", exclude_none=True))


def read_problem(body: bytes) -> Problem | None:
    """The problem that a peer answered with; None if it answered with something else."""
    try:
        return read(Problem, body)
    except Unreadable:
        return None
