"""Data that is not kept for ever: old rows move from the database into files (docs/adr/0063-retention.md)."""
