"""Backups: everything that is stored at one moment, in one file, which can be restored into an empty database.

docs/adr/0053-backups.md gives the reasons for the design.
"""
