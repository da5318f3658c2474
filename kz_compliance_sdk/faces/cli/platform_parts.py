"""The platform's own code, by the name that a command is given: its Enforcer, its Content port and its Messenger."""

from __future__ import annotations

import importlib
import os
import sys
from typing import Any

from kz_compliance_sdk.errors import ConfigError
from kz_compliance_sdk.faces.cli import screen

_PORTS = {
    "--enforcer": ("Enforcer", ("enforce", "restore"), "takedown:enforcer"),
    "--content": ("Content port", ("resolve",), "posts:content"),
    "--messenger": ("Messenger", ("tell",), "mail:messenger"),
}
"""What each option names, the methods that it must have, and an example."""


def load(option: str, name: str | None) -> Any:
    """What `module:attribute` names, or that it makes when it is called; None without a name. Raises ConfigError."""
    if name is None:
        return None
    what, methods, example = _PORTS[option]
    module_name, _, attribute = name.partition(":")

    def wrong(message: str, remedy: str) -> ConfigError:
        return ConfigError(message, field=option, remedy=remedy)

    def is_one(found: Any) -> bool:
        return all(callable(getattr(found, method, None)) for method in methods)

    needs = f"It needs the method{'s' if len(methods) > 1 else ''} {' and '.join(methods)}."
    if not module_name or not attribute:
        raise wrong(f"{name!r} is no MODULE:NAME.", f"Write it as in myplatform.{example}.")
    # As with `python -m`: the platform's own code often lies in the working directory.
    if os.getcwd() not in sys.path:  # noqa: PTH109  sys.path holds text
        sys.path.insert(0, os.getcwd())  # noqa: PTH109
    try:
        found: Any = importlib.import_module(module_name)
    except ImportError as error:
        raise wrong(f"{module_name} cannot be imported: {error}.", "Run where it can be, or install it.") from None
    except Exception as error:
        raise wrong(f"{module_name} fails as it is imported: {_kind(error)}.", "Mend it.") from error
    for part in attribute.split("."):
        found = getattr(found, part, None)
    if found is None:
        raise wrong(f"{module_name} has no {attribute}.", "Correct the name.")
    if isinstance(found, type) or not is_one(found):
        if not callable(found):
            raise wrong(f"{name} is no {what}.", needs)
        try:
            found = found()
        except Exception as error:
            raise wrong(f"{name} is no {what} and makes none: {_kind(error)}.", "Name one that does.") from error
    if not is_one(found):
        raise wrong(f"what {name} makes is no {what}.", needs)
    return found


def _kind(error: Exception) -> str:
    return f"{type(error).__name__}: {screen.one_line(str(error))}"
