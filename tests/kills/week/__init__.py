"""A week of a platform and its regulator, simulated: real desk, real client, real mock, and a clock that stands still.

`python -m tests.kills.week --help`
"""
