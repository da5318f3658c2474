"""The photos, who sees them, and the two calls with which a decision about them is carried out."""

from collections.abc import Callable
from dataclasses import dataclass
from threading import Lock

from kz_compliance_sdk import Effect, Failed, InForce


@dataclass
class Photo:
    """`hidden_in` is the countries in which nobody sees it; `*` is all of them."""

    title: str
    hidden_in: frozenset[str] = frozenset()
    version: int = 0


class Photos:
    """The platform's content. A real one is a database, and `apply` one transaction of it."""

    def __init__(self) -> None:
        self._photos: dict[str, Photo] = {}
        self._lock = Lock()

    def add(self, photo_id: str, title: str) -> None:
        self._photos[photo_id] = Photo(title)

    def seen_from(self, photo_id: str, country: str) -> str | None:
        """The title for a viewer in `country`; None if it is hidden there. Raises KeyError."""
        photo = self._photos[photo_id]
        return None if photo.hidden_in & {country, "*"} else photo.title

    def apply(self, photo_id: str, version: int, hidden_in: frozenset[str]) -> bool:
        """Hide a photo in these countries and nowhere else. False, and nothing, if a later decision was carried out."""
        with self._lock:
            photo = self._photos[photo_id]
            if version < photo.version:
                return False
            photo.version, photo.hidden_in = version, hidden_in
            return True


class PhotoEnforcer:
    """What the desk calls. `clock` gives UTC seconds."""

    def __init__(self, photos: Photos, clock: Callable[[], int]) -> None:
        self._photos, self._clock = photos, clock

    def enforce(self, effect: Effect) -> InForce | Failed:
        return self._apply(effect, frozenset(effect.scope))

    def restore(self, effect: Effect) -> InForce | Failed:
        return self._apply(effect, frozenset())

    def _apply(self, effect: Effect, hidden_in: frozenset[str]) -> InForce | Failed:
        try:
            is_done = self._photos.apply(effect.object_id, effect.version, hidden_in)
        except KeyError:
            return Failed("there is no such photo", permanent=True)
        return InForce(self._clock()) if is_done else Failed("superseded", permanent=True)
