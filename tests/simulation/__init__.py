"""Hosts that share a store, a regulator, a platform, people and an attacker, in one thread and on one heap of time.

Everything comes from a seed: who acts when, what the network drops, doubles, delays and cuts, where a host dies.
`python -m tests.simulation --help`
"""
