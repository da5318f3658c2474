"""The command line: `kz-compliance`, or `python -m kz_compliance_sdk`. Needs the extra `cli`."""

from __future__ import annotations

import gc
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Final

__all__ = ["main"]

_MISSING = "error: the command line needs an extra: pip install 'kz-compliance-sdk[cli]'\n"
_CONFIGURATION = 3
SELDOM: Final = (10_000, 50, 1_000)
"""How seldom Python looks for circles: what a command leaves behind is nearly all freed without that. It was an eighth
of a short command, and a sixth of making rows anew."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command, by default that of `sys.argv`, and exit with its code (`exits` names them)."""
    if find_spec("typer") is None or find_spec("rich") is None:
        sys.stderr.write(_MISSING)
        raise SystemExit(_CONFIGURATION)
    gc.set_threshold(*SELDOM)
    from kz_compliance_sdk.faces.cli.app import run

    run(arguments)
