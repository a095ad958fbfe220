"""A backup is one file with all that was stored at one moment. It can be restored into an empty database.

docs/adr/0053-backups.md gives the reasons for the design.
"""
