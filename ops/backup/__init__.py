"""Backups: everything that is stored at one moment, in one file, and back into an empty database.

docs/adr/0053-backups.md says why they are as they are.
"""
