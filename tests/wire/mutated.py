"""Change signed requests at random, for the intake: `python -m tests.wire.mutated --many 1000000 --jobs 2`."""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from functools import cache, partial

from kz_compliance_sdk.domain.flags import Recipient
from kz_compliance_sdk.domain.messages import Respondent
from kz_compliance_sdk.domain.policy import kz_policy
from kz_compliance_sdk.ports import Env
from kz_compliance_sdk.services.admission import Admission, Response
from kz_compliance_sdk.services.intake import Intake
from tests.scene import PLATFORM
from tests.wire.golden.keys import BODY, GOLDEN, NOW, REQUESTS, RING, TARGET, Headers

_AT_ONCE = 10_000
_JSON = ("content-type", "application/json")


def mutant(rng: random.Random, name: str) -> tuple[str, str, Headers, bytes]:
    """A request of which one signed part is another than the golden one."""
    headers, body, method, target = list(GOLDEN[name]), bytearray(BODY), "POST", TARGET
    part = rng.choice(["body", "header", "header", "header", "target"] if name == "rfc9421" else ["body", "header"])
    if part == "body":
        place = rng.randrange(len(body))
        body[place : rng.choice([place, place + 1, len(body)])] = bytes([body[place] ^ (1 << rng.randrange(8))])
    elif part == "target":
        method, target = rng.choice([("PATCH", TARGET), ("POST", _edited(rng, TARGET))])
    else:
        place = rng.randrange(len(headers))
        header, value = headers[place]
        headers[place] = (header, _edited(rng, value))
    return method, target, headers, bytes(body)


def _edited(rng: random.Random, text: str) -> str:
    edited = text
    while edited == text:
        place = rng.randrange(len(text))
        letter = chr(rng.choice([rng.randrange(32, 127), rng.randrange(0, 0x250), 0xD800, 0x661]))
        edited = rng.choice(
            [
                text[:place] + text[place + 1 :],
                text[:place] + letter + text[place:],
                text[:place] + letter + text[place + 1 :],
            ]
        )
    return edited


@cache
def intake() -> Intake:
    """What a receiver hands a request to, before anything is stored."""
    respondent = Respondent("head_of_office", "Үлгі Б. С.")
    admission = Admission.under(PLATFORM, kz_policy(), respondent, frozenset({"social.example"}), Recipient())
    return Intake(admission, RING, target_uri=lambda target: target, clock=lambda: NOW, ids=Env.system().ids)


def answers(requests: Iterable[tuple[str, str, Headers, bytes]]) -> Counter[str]:
    """How often each answer came; `queued` is what would have been stored."""
    found: Counter[str] = Counter()
    for method, target, headers, body in requests:
        answer = intake().receive(method, target, [_JSON, *headers], body)
        found[str(answer.status) if isinstance(answer, Response) else "queued"] += 1
    return found


def _some(number: int, seed: int) -> Counter[str]:
    chance = random.Random(f"{seed} {number}")
    return answers(mutant(chance, chance.choice(REQUESTS)) for _ in range(_AT_ONCE))


def main() -> int:
    """The exit code: 1 if one was queued, or was answered 500 or more."""
    reader = argparse.ArgumentParser(prog="python -m tests.wire.mutated", description=__doc__)
    reader.add_argument("--many", type=int, default=1_000_000)
    reader.add_argument("--seed", type=int, default=1)
    reader.add_argument("--jobs", type=int, default=1, help="processes")
    given, began, found = reader.parse_args(), time.monotonic(), Counter[str]()
    lots = -(-given.many // _AT_ONCE)
    with ProcessPoolExecutor(given.jobs) as pool:
        for n, some in enumerate(pool.map(partial(_some, seed=given.seed), range(lots)), 1):
            found += some
            if n % 10 == 0:
                print(f"{n * _AT_ONCE:,} of {lots * _AT_ONCE:,}", file=sys.stderr)
    told = ", ".join(f"{answer}: {many:,}" for answer, many in sorted(found.items()))
    print(f"{found.total():,} changed requests in {time.monotonic() - began:.0f} s; {told}")
    return 1 if found["queued"] or any(answer.startswith("5") for answer in found) else 0


if __name__ == "__main__":
    sys.exit(main())
