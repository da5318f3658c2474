"""An office for the tests of the command line: settings in a folder, people with accounts, the program in-process."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import pwd
import time
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from kz_compliance_sdk.domain.decision import QUESTIONS
from kz_compliance_sdk.domain.notice import Notice
from kz_compliance_sdk.domain.values import instant_text
from kz_compliance_sdk.faces.cli.app import app
from kz_compliance_sdk.testing import builders, keys
from tests.blank import put_blank

_command = cache(get_command)  # typer's runner would build the whole command anew for each call
SECRET = base64.b64encode(b"an hmac secret that must never be shown").decode()
WEBHOOK = "https://127.0.0.1:9/hook/very-secret-path"

ENFORCER = """
import os
import time

from kz_compliance_sdk.ports import InForce


class Carried:
    def enforce(self, effect):
        with open(os.environ["CARRIED_OUT"], "a") as out:
            out.write(f"{effect.action} {effect.object_key}\\n")
        return InForce(int(time.time()))

    restore = enforce


made = Carried()
nothing = 5


def broken():
    return nothing
"""


def moments_ago(seconds: int = 60) -> str:
    return instant_text(int(time.time()) - seconds)


class Office:
    """A platform's office: `run` is one command by one person."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.config = folder / "settings.toml"
        self.store = folder / "cases.sqlite3"
        self.user = "aigerim"
        for name in [name for name in os.environ if name.startswith("KZ_COMPLIANCE_")]:
            monkeypatch.delenv(name)
        monkeypatch.setattr("typer.testing._get_command", _command)
        monkeypatch.setattr(pwd, "getpwuid", lambda _uid: SimpleNamespace(pw_name=self.user))
        self.configure()

    def configure(self, more: str = "", *, sandbox: str = "allow_test_keys = true\nundo_window_s = 0") -> None:
        """Write the settings: by hand, no regulator's interface, an HMAC key for what is pushed."""
        authorities = json.dumps(sorted(builders.AUTHORITIES))
        self.config.write_text(
            f"""\
platform_id = "{builders.PLATFORM_ID}"
public_url = "http://127.0.0.1:8000"
{sandbox}
{more}

[store]
path = "{self.store.name}"

[[keys]]
key_id = "regulator-hmac"
algorithm = "hmac-sha256"
secret = "{SECRET}"
sender = "regulator"
authorities = {authorities}
not_before = 2020-01-01T00:00:00Z
not_after = 2099-01-01T00:00:00Z

[notifier]
webhook_url = "{WEBHOOK}"
webhook_secret = "{SECRET}"

[actors.aigerim]
id = "aigerim"
roles = ["moderator"]

[actors.daniyar]
id = "daniyar"
roles = ["lead", "legal"]
""",
            encoding="utf-8",
        )

    def run(self, *arguments: str, user: str = "aigerim", stdin: str | None = None) -> Any:
        self.user = user
        return CliRunner().invoke(app, ["--config", str(self.config), *arguments], input=stdin)

    def ok(self, *arguments: str, user: str = "aigerim", code: int = 0, stdin: str | None = None) -> str:
        """What a person sees of a command that does what it is asked."""
        result = self.run(*arguments, user=user, stdin=stdin)
        assert result.exit_code == code, result.output
        return str(result.stdout)

    def document(self, *arguments: str, user: str = "aigerim", code: int = 0, stdin: str | None = None) -> Any:
        """The one JSON document on stdout."""
        result = self.run(*arguments, "--json", user=user, stdin=stdin)
        assert result.exit_code == code, result.output
        return json.loads(result.stdout)

    def refused(self, code: int, *arguments: str, user: str = "aigerim", stdin: str | None = None) -> str:
        """The one line in which a command says why it did nothing."""
        result = self.run(*arguments, user=user, stdin=stdin)
        assert result.exit_code == code, result.output
        lines: list[str] = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
        assert len(lines) == 1, result.stderr
        assert "Traceback" not in result.output
        return lines[0]

    # --------------------------------------------------------------------------------------- on the way

    def words(self, text: str) -> str:
        """A file that holds what a person says."""
        file = self.folder / f"words-{hashlib.sha256(text.encode()).hexdigest()[:12]}.txt"
        file.write_text(text, encoding="utf-8")
        return str(file)

    def write(self, name: str, value: Any) -> str:
        """A JSON file in the office's folder."""
        file = self.folder / name
        file.write_text(json.dumps(value, ensure_ascii=False), encoding="utf-8")
        return str(file)

    def entered(self, seed: int = 1, *, items: int = 1, received: str | None = None) -> Notice:
        """A letter that aigerim typed in."""
        put_blank(self.store)
        notice = builders.notice(seed, items=items)
        file = self.write(f"notice-{seed}.json", notice.model_dump(mode="json", exclude_none=True))
        arguments = ("--file", file, "--received-at", received or moments_ago(), "--how", self.words("letter"), "--yes")
        self.ok("notices", "enter", *arguments)
        return notice

    def vouched(self, seed: int = 1, *, items: int = 1) -> Notice:
        """A letter whose authenticity daniyar has checked."""
        notice = self.entered(seed, items=items)
        self.ok("cases", "authenticate", notice.notice_id, "--how", self.words("called back"), user="daniyar")
        return notice

    def claimed(self, seed: int = 1, *, items: int = 1) -> Notice:
        """A letter that aigerim holds."""
        notice = self.vouched(seed, items=items)
        self.ok("cases", "claim", notice.notice_id)
        return notice

    def proposal(self, notice_id: str, action: str = "remove") -> str:
        """A filled-in proposal for `decide --file`: the measure, or with `none` a refusal."""
        skeleton = self.document("cases", "decide", notice_id, "--template")
        for item in skeleton["items"]:
            measure = action != "none"
            item |= {
                "finding": "illegal" if measure else "not_illegal",
                "reasons": "Seen and compared with the law.",
                "action": action,
                "ground": "local_law" if measure else None,
            }
            item["wording"]["outcome"] = "removed" if measure else "refused"
            item["wording"]["refusal_code"] = None if measure else "not_illegal"
            for text in item["wording"]["statement_of_reasons"]:
                text["text"] = "Қаралды." if text["lang"] == "kk" else "Рассмотрено."
        for question in QUESTIONS:
            skeleton["legal_check"][question.name] = "no" if question.bars == "yes" else "yes"
        skeleton["text_checked"] = True
        return self.write("proposal.json", skeleton)

    def decided(self, seed: int = 1, action: str = "none") -> Notice:
        """A letter that was decided."""
        notice = self.claimed(seed)
        self.ok("cases", "decide", notice.notice_id, "--file", self.proposal(notice.notice_id, action), "--yes")
        return notice

    def enforcer(self, monkeypatch: pytest.MonkeyPatch) -> Path:
        """A module `takedown` of the platform; gives the file in which it notes what it carried out."""
        (self.folder / "takedown.py").write_text(ENFORCER, encoding="utf-8")
        carried = self.folder / "carried.txt"
        monkeypatch.setenv("CARRIED_OUT", str(carried))
        monkeypatch.chdir(self.folder)
        return carried


def over_http(office: Office, intake_port: int, regulator_port: int) -> None:
    """Settings for an office that answers over the regulator's interface, on loopback ports."""
    signing, known = keys.platform_signing_key(), keys.regulator_key()
    office.config.write_text(
        f"""\
platform_id = "{builders.PLATFORM_ID}"
public_url = "http://127.0.0.1:{intake_port}"
allow_test_keys = true
undo_window_s = 0

[store]
path = "{office.store.name}"

[regulator]
url = "http://127.0.0.1:{regulator_port}"
poll_interval_s = 1

[worker]
idle_s = 0.1

[signing_key]
key_id = "{signing.key_id}"
secret = "{base64.b64encode(signing.material).decode()}"

[[keys]]
key_id = "{known.key_id}"
public_key = "{base64.b64encode(known.material).decode()}"
sender = "{known.sender}"
authorities = {json.dumps(sorted(known.authorities))}
not_before = 2020-01-01T00:00:00Z
not_after = 2099-01-01T00:00:00Z

[actors.aigerim]
id = "aigerim"
roles = ["moderator"]
""",
        encoding="utf-8",
    )
