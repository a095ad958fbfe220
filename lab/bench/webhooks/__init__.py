"""`bench webhooks`."""
