"""`bench api`: loads gunicorn with many concurrent clients, and then checks that every payment is stored."""
