"""`GET /metrics`: what Prometheus scrapes. Each process counts its requests; everything else is read from MongoDB."""
