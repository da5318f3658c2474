"""The wire as it must be, byte for byte, made without a line of the package (see make.py)."""
