"""`bench lateness`: how long after its nbf a show starts, and how long until its start is announced."""
