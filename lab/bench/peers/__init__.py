"""The peers of `bench lateness`: other schedulers that do the same work. They import nothing of the product."""
