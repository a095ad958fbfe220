"""Makes the OpenAPI document of the views and of each room's `schema.py` (docs/adr/0027-openapi.md)."""
