"""The platform's own parts, named on the command line as MODULE:NAME."""

from __future__ import annotations

import importlib
import os
import sys
from typing import TYPE_CHECKING, Any

from kz_compliance_sdk.errors import ConfigError
from kz_compliance_sdk.faces.cli import screen

if TYPE_CHECKING:
    from kz_compliance_sdk.ports import Enforcer, Messenger

__all__ = ["load_enforcer", "load_messenger"]


def load_enforcer(name: str) -> Enforcer:
    """The Enforcer that `module:attribute` names, or that it makes when it is called. Raises ConfigError."""
    enforcer: Enforcer = _load(name, "--enforcer", "Enforcer", ("enforce", "restore"))
    return enforcer


def load_messenger(name: str) -> Messenger:
    """The Messenger that `module:attribute` names, or that it makes when it is called. Raises ConfigError."""
    messenger: Messenger = _load(name, "--messenger", "Messenger", ("tell",))
    return messenger


def _load(name: str, option: str, title: str, methods: tuple[str, ...]) -> Any:
    module_name, _, attribute = name.partition(":")
    needs = f"It needs the method{'s' * (len(methods) > 1)} {' and '.join(methods)}."

    def wrong(message: str, remedy: str) -> ConfigError:
        return ConfigError(message, field=option, remedy=remedy)

    def fits(found: Any) -> bool:
        return all(callable(getattr(found, method, None)) for method in methods)

    if not module_name or not attribute:
        raise wrong(f"{name!r} is no MODULE:NAME.", f"Write it as in myplatform.takedown:{title.lower()}.")
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
    if isinstance(found, type) or not fits(found):
        if not callable(found):
            raise wrong(f"{name} is no {title}.", needs)
        try:
            found = found()
        except Exception as error:
            raise wrong(f"{name} is no {title} and makes none: {_kind(error)}.", "Name one that does.") from error
    if not fits(found):
        raise wrong(f"what {name} makes is no {title}.", needs)
    return found


def _kind(error: Exception) -> str:
    return f"{type(error).__name__}: {screen.one_line(str(error))}"
