"""An independent model of case and clock, written from the documentation alone, and what compares the library with it."""
