"""What people write is never an argument of the program: it comes from a file, standard input or their editor."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from kz_compliance_sdk.domain.commands import KINDS
from kz_compliance_sdk.domain.events import KINDS as EVENTS
from kz_compliance_sdk.faces.cli.app import app
from kz_compliance_sdk.faces.cli.session import Session
from tests.cli_office import Office

NAMES = frozenset({"content", "message", "letter", "host", "url", "public_url", "inspect", "platform_id", "intake_url"})
"""Options of text that name a thing: a module, an id that we gave, an address."""


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Office:
    return Office(tmp_path, monkeypatch)


def _options(group: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if hasattr(group, "list_commands"):
        for name in group.list_commands(None):
            yield from _options(group.get_command(None, name), f"{path} {name}".strip())
        return
    yield from ((path, one) for one in group.params)


def test_no_option_takes_what_somebody_wrote_as_its_value() -> None:
    """An option of plain text is none of a field that the ledger seals, on any command."""
    sealed = {name for kind in EVENTS.values() for name, cls in getattr(kind, "words", {}).items() if cls == "erasable"}
    assert {"reasons", "how", "said", "note"} <= sealed
    plain = {
        f"{path} {one.opts[0]}"
        for path, one in _options(get_command(app))
        if one.name in sealed and one.metavar != "FILE" and one.name not in NAMES
    }
    assert plain == {"cases suspend --proof"}, "the digest of a document is no words"


def test_every_text_that_a_command_needs_is_sealed() -> None:
    fields = [(kind.__name__, name, how) for kind in KINDS for name, (_, how, _) in kind.form().items()]
    assert [(kind, name) for kind, name, how in fields if how.is_needed and not how.is_sealed] == []


@pytest.mark.slow
def test_words_come_from_a_file_or_standard_input(office: Office) -> None:
    notice = office.claimed(1)
    office.ok("cases", "note", notice.notice_id, "--text", office.words("from a file\n"))
    office.ok("cases", "note", notice.notice_id, "--text", "-", stdin="from standard input\n")
    told = office.ok("cases", "show", notice.notice_id)
    assert "text: from a file" in told
    assert "text: from standard input" in told


@pytest.mark.parametrize(
    ("content", "said"),
    [(b" \n", "it is empty"), (b"\xff\xfe", "UTF-8"), (None, "cannot be read")],
    ids=["blank", "no text", "no file"],
)
def test_a_file_without_words_is_named_by_its_option(office: Office, content: bytes | None, said: str) -> None:
    notice = office.claimed(1)
    file = office.folder / "words.txt"
    if content is not None:
        file.write_bytes(content)
    line = office.refused(7, "cases", "note", notice.notice_id, "--text", str(file))
    assert "--text" in line
    assert said in line


def test_where_nobody_can_be_asked_the_option_is_named(office: Office) -> None:
    notice = office.claimed(1)
    line = office.refused(7, "cases", "note", notice.notice_id)
    assert "--text FILE; - for standard input" in line


def _editor(monkeypatch: pytest.MonkeyPatch, folder: Path, body: str) -> None:
    file = folder / "editor.py"
    file.write_text(f"import sys\nfrom pathlib import Path\nform = Path(sys.argv[1])\n{body}\n", encoding="utf-8")
    monkeypatch.setenv("EDITOR", f"{sys.executable} {file}")
    monkeypatch.delenv("VISUAL", raising=False)
    monkeypatch.setattr(Session, "can_ask", property(lambda _session: True))


@pytest.mark.slow
def test_the_editor_asks_for_what_is_left_out(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    notice = office.claimed(1)
    seen = office.folder / "seen.txt"
    keep = f"Path({str(seen)!r}).write_text(form.read_text())"
    _editor(monkeypatch, office.folder, f"{keep}\nform.write_text('written\\nhere\\n' + form.read_text())")
    office.ok("cases", "note", notice.notice_id)
    assert "# Write what the next person should know." in seen.read_text(encoding="utf-8")
    shown = [one["texts"] for one in office.document("cases", "show", notice.notice_id)["audit"]]
    assert {"text": "written\nhere"} in shown


@pytest.mark.parametrize("body", ["", "sys.exit(3)"], ids=["nothing written", "broken off"])
@pytest.mark.slow
def test_an_editor_that_gives_nothing_writes_nothing(
    office: Office, monkeypatch: pytest.MonkeyPatch, body: str
) -> None:
    notice = office.claimed(1)
    _editor(monkeypatch, office.folder, body)
    before = len(office.document("cases", "show", notice.notice_id)["audit"])
    office.refused(7, "cases", "note", notice.notice_id)
    after = office.document("cases", "show", notice.notice_id)["audit"]
    assert [one["kind"] for one in after[before:]] in ([], ["viewed"])
