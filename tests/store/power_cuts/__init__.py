"""Power cuts: every write and sync of a store's files is recorded, and what a cut could leave is rebuilt and opened.

`python -m tests.store.power_cuts`
"""
