"""Makes the OpenAPI document from the views and from each app's `schema.py` (docs/adr/0027-openapi.md)."""
