"""The catalogue of bad, hostile and odd inputs: what it says, how it reads in our contract, and what came of it."""

from __future__ import annotations
