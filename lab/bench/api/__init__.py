"""`bench api`: many concurrent clients of gunicorn, and then a check that every payment is stored."""
