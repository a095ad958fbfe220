"""`bench webhooks`: how soon partners' servers get events."""
