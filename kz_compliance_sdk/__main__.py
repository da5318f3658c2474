"""`python -m kz_compliance_sdk` is the command `kz-compliance`."""

from __future__ import annotations

from kz_compliance_sdk.faces.cli import main

if __name__ == "__main__":
    main()
