"""Pairs of steps that race for one case, and what must hold after each pair. `python -m tests.review.races` runs as
many as it is told to."""
