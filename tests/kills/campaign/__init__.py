"""A campaign of `kill -9`: a receiver and a worker die again and again while notices pour in, and nothing may be lost.

`python -m tests.kills.campaign --kills 100 --notices 500` runs it; `tests/kills/test_kill.py` holds it as a test.
"""
