"""`bench api`: many clients at once, on gunicorn; then every payment is looked for."""
