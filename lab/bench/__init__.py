"""Benchmarks: the cost of our code, compared in the same run with a peer that does only what is necessary.

Modules that several benchmarks use: `environment`, `report`, `planting`, `services`, `processes`, `witness` and
`observers`, `wsgi_calls`, `queued`. Each benchmark is a module or a folder with a `command.py`.
"""
