"""Benchmarks: what our code costs beside a peer that does only what must be done, both in one run."""
