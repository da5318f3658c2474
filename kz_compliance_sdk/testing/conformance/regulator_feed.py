"""What is promised of a regulator's feed and of its pushes."""

from __future__ import annotations

import itertools
from typing import Final

from kz_compliance_sdk.errors import Unreadable
from kz_compliance_sdk.testing.conformance.checks import Broken
from kz_compliance_sdk.testing.conformance.regulator_scene import RegulatorScene, exact
from kz_compliance_sdk.wire.v1 import FeedEntry, read_message

_MOST: Final = 20


def feed_page(scene: RegulatorScene) -> None:
    page = scene.page()
    if page.data and page.next_cursor is None:
        raise Broken("entries without a next_cursor", "a next_cursor after the entries")


def feed_messages(scene: RegulatorScene) -> None:
    for entry in scene.entries(100, _MOST):
        try:
            message = read_message(entry.exact_body())
        except Unreadable as wrong:
            raise Broken(f"entry {entry.sequence}: {wrong}", "messages of the contract, in base64") from None
        if message.platform_id != scene.target.platform_id:
            raise Broken(
                f"entry {entry.sequence} is for {message.platform_id!r}", f"messages for {scene.target.platform_id!r}"
            )


def feed_signed(scene: RegulatorScene) -> None:
    for entry in scene.entries(100, _MOST):
        scene.check_message_signed(entry.header_list(), exact(entry), f"entry {entry.sequence}")


def feed_in_order(scene: RegulatorScene) -> None:
    numbers = [entry.sequence for entry in scene.entries(100, _MOST)]
    if any(later <= earlier for earlier, later in itertools.pairwise(numbers)):
        raise Broken(f"sequences {numbers}", "growing sequences")


def _bodies(entries: list[FeedEntry]) -> list[str]:
    return [entry.body for entry in entries]


def feed_skips_nothing(scene: RegulatorScene) -> None:
    whole = _bodies(scene.entries(100, _MOST))[:_MOST]
    single = _bodies(scene.entries(1, len(whole)))
    lost = [number for number, body in enumerate(whole, start=1) if body not in single]
    if lost:
        raise Broken(f"entries {lost} are missing when read one by one", "every entry, whatever the page's size")


def feed_moves_on(scene: RegulatorScene) -> None:
    whole = scene.entries(100, _MOST)[:_MOST]
    single = scene.entries(1, len(whole))
    twice = len(single) - len(set(_bodies(single)))
    if twice:
        raise Broken(f"{twice} entries come again when read one by one", "each entry once")


def feed_cursor_again(scene: RegulatorScene) -> None:
    cursor = scene.page(limit=1).next_cursor
    if cursor is None:
        return
    first, again = (_bodies(list(scene.page(cursor, 1).data)) for _ in range(2))
    if first != again:
        raise Broken("another page under the same cursor", "the same page under the same cursor")


def feed_limit(scene: RegulatorScene) -> None:
    count = len(scene.page(limit=1).data)
    if count > 1:
        raise Broken(f"{count} entries to limit=1", "1 entry at most")


def feed_strange_cursor(scene: RegulatorScene) -> None:
    answer = scene.get("/notices?limit=1&after=conformance-never-given-out")
    if not 400 <= answer.status < 500:
        raise Broken(f"{answer} to a cursor that was never given out", "a problem, 400")


def push_signed(scene: RegulatorScene) -> None:
    for push in scene.pushes():
        scene.check_message_signed(push.request.headers, push.request.body, "a push")


def push_again(scene: RegulatorScene) -> None:
    came = scene.pushes()
    statuses = [push.status for push in came if push.request.body == came[0].request.body]
    if 202 not in statuses:
        raise Broken("not pushed again after a 503 with Retry-After", "the same bytes again")


def push_message(scene: RegulatorScene) -> None:
    for push in scene.pushes():
        try:
            message = read_message(push.request.body)
        except Unreadable as wrong:
            raise Broken(f"a push: {wrong}", "a message of the contract") from None
        if message.platform_id != scene.target.platform_id:
            raise Broken(f"a push for {message.platform_id!r}", f"messages for {scene.target.platform_id!r}")


def push_in_feed(scene: RegulatorScene) -> None:
    bodies = {push.request.body for push in scene.pushes()}
    held = {exact(entry) for entry in scene.entries(100, 100_000)}
    if not bodies <= held:
        raise Broken("what was pushed is not in the feed, byte for byte", "the same envelope either way")
