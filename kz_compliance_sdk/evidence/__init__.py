"""What proves a case: checkpoints, the verification of store and packs, and the pack with its readable page."""
