"""How the OpenAPI document comes about: what a room says with `described`, and what holds for every operation."""
