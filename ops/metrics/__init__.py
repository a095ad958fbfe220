"""`GET /metrics`: what Prometheus scrapes. Requests are counted where they are answered; all else MongoDB knows."""
