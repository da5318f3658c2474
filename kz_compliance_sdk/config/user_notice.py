"""How affected users are told: with whose words, where they appeal, and why they are not told where they are not."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from kz_compliance_sdk.config.fields import BaseUrl, Flag, PlaceOnDisk, ProseOrNone, Section, refused
from kz_compliance_sdk.config.layers import read_bytes
from kz_compliance_sdk.domain.statement_templates import Templates, packaged_templates, with_own
from kz_compliance_sdk.domain.words import LANGUAGES, Lang


class UserNoticeSettings(Section):
    """How affected users are told. They are, unless a written legal basis says why not."""

    enabled: Flag = Field(
        default=True, description="Whether users are told. Switching it off takes a legal basis in `off_because`."
    )
    off_because: ProseOrNone = Field(
        default="", description="The legal basis for telling nobody: act, article, and who found so."
    )
    appeal_url: BaseUrl | None = Field(default=None, description="Where a user appeals; it stands in every notice.")
    kk_file: PlaceOnDisk | None = Field(
        default=None, description="Your own reviewed words in Kazakh, a gettext .mo file."
    )
    ru_file: PlaceOnDisk | None = Field(default=None, description="Your own reviewed words in Russian.")
    en_file: PlaceOnDisk | None = Field(default=None, description="Your own reviewed words in English.")

    @model_validator(mode="after")
    def _silence_has_a_basis(self) -> Self:
        if not self.enabled and not self.off_because.strip():
            raise refused(
                "Users are not told only on a legal basis.",
                "Write it down in off_because, or enable it.",
                "off_because",
            )
        if self.enabled and self.off_because.strip():
            raise refused("Users are told, so this says nothing.", "Remove it, or set enabled = false.", "off_because")
        return self

    def templates(self) -> Templates:
        """The words in force: the package's, and the platform's own in place of them.

        Raises ConfigError that names the file and the message, also for words of one's own that nobody has reviewed.
        """
        own: dict[Lang, tuple[bytes, str]] = {}
        for lang in LANGUAGES:
            path = getattr(self, f"{lang}_file")
            if path is not None:
                own[lang] = read_bytes(path, f"user_notice.{lang}_file", what="user notice"), str(path)
        return with_own(packaged_templates(), own)
