"""The evidence pack of a case: its files, its readable page, its signature, and its verification."""
