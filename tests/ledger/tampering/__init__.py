"""Ten thousand ways to tamper with a store, one at a time, and whether each is found and named."""
