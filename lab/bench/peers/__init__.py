"""The peers of `bench lateness` and `bench letin`: other schedulers. They import nothing of the product."""
