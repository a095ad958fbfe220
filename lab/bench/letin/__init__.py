"""`bench letin`: how long after its nbf the last payer of a show is let in, and the show is recorded."""
