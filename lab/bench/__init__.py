"""Benchmarks: the cost of our code, compared in the same run with a peer that does only what is necessary.

Several benchmarks use the modules `environment`, `report`, `planting`, `services`, `processes`, `witness`,
`observers`, `ledger`, `wsgi_calls` and `queued`. Each benchmark is a module or a folder with a `command.py`.
"""
