"""`bench letin`: how long after the nbf of a show its last payer is let in, and its recording is requested."""
