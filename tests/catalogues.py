"""The catalogues of words as they lie in the repository: `.po` as people edit them, `.mo` as they are read."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Mapping
from functools import cache, partial
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import PoFileParser

ROOT = Path(__file__).resolve().parent.parent
SOURCES = tuple(sorted(ROOT.glob("kz_compliance_sdk/locale/*/LC_MESSAGES/*.po")))


class _AsWritten(Catalog):
    """A catalogue whose header is kept as it is written: Babel would add when and by which version it was read."""

    headers: Iterable[tuple[str, str]] = ()

    @property
    def mime_headers(self) -> list[tuple[str, str]]:
        return list(self.headers)

    @mime_headers.setter
    def mime_headers(self, headers: Iterable[tuple[str, str]]) -> None:
        self.headers = list(headers)


def read(text: str) -> Catalog:
    """Return the catalogue that a `.po` file holds. Raises PoFileError for what is none."""
    catalogue = _AsWritten()
    PoFileParser(catalogue, abort_invalid=True).parse(text.splitlines())
    return catalogue


def compiled(text: str) -> bytes:
    """Return the bytes of the `.mo` file: the same for the same source."""
    out = io.BytesIO()
    write_mo(out, read(text))
    return out.getvalue()


def source_of(lang: str, subject: str) -> str:
    """Return the text of a packaged `.po` file."""
    return (ROOT / f"kz_compliance_sdk/locale/{lang}/LC_MESSAGES/{subject}.po").read_text(encoding="utf-8")


def compiled_files() -> Mapping[str, Callable[[], bytes]]:
    """Return what makes each `.mo` file, by its path from the root."""
    texts = {source: source.read_text(encoding="utf-8") for source in SOURCES}
    return {str(one.with_suffix(".mo").relative_to(ROOT)): partial(compiled, text) for one, text in texts.items()}


def languages(subject: str) -> list[str]:
    """Return the languages that have a catalogue of this subject."""
    return [source.parts[-3] for source in SOURCES if source.stem == subject]


@cache
def tables(lang: str, *subjects: str) -> Mapping[str, Mapping[str, str]]:
    """Return every text of these catalogues by its table and its name, read from the sources."""
    found: dict[str, dict[str, str]] = {}
    for subject in subjects:
        for message in list(read(source_of(lang, subject)))[1:]:
            found.setdefault(str(message.context), {})[str(message.id)] = str(message.string)
    return found
