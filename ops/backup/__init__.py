"""Backups: everything that is stored at one moment, in one file, and back into an empty database (docs/adr/0052-backups.md)."""
