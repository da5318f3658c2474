"""A model of case and clock, written from the documentation alone, and what holds the library against it."""
