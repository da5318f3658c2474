"""Which of the intake's two addresses a request is for, wherever a host has mounted it."""

from __future__ import annotations

from typing import Literal
from urllib.parse import unquote, urlsplit

Route = Literal["intake", "health", "nothing"]


class Routes:
    """The addresses below `public_url`. A path is right if it is the whole public one, or `intake_path` behind whatever
    prefix the host has mounted the app under; a slash at its end is allowed."""

    def __init__(self, public_url: str, intake_path: str) -> None:
        path = unquote(intake_path).rstrip("/")
        self._below: dict[str, Route] = {path: "intake", f"{path}/health": "health"}
        prefix = unquote(urlsplit(public_url).path).rstrip("/")
        self._public: dict[str, Route] = {f"{prefix}{below}": route for below, route in self._below.items()}

    def route(self, mounted_at: str, path: str) -> Route:
        """`path` is decoded, and may or may not begin with `mounted_at`: servers differ."""
        path = path.removesuffix("/")
        root = mounted_at.rstrip("/")
        below = path[len(root) :] if path == root or path.startswith(f"{root}/") else path
        return self._below.get(below) or self._public.get(f"{root}{below}", "nothing")
