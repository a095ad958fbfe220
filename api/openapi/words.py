"""Descriptions of properties, from `config/openapi_words.yaml`."""

from functools import cache

import yaml
from django.conf import settings

from api.openapi.schemas import Schema

WORDS_FILE = "config/openapi_words.yaml"
ANY_SCHEMA = "any"
REF = "$ref"


@cache
def words() -> dict[str, dict[str, str]]:
    """Return the descriptions by schema and property."""
    return dict(yaml.safe_load((settings.BASE_DIR / WORDS_FILE).read_text(encoding="utf-8")))


def describe_properties(document: Schema) -> None:
    """Put each description before the text that the schema already has. That text is often the unit."""
    for name, schema in document["components"]["schemas"].items():
        properties = schema.get("properties", {})
        for key, text in (words()[ANY_SCHEMA] | words().get(name, {})).items():
            if key in properties and REF not in properties[key]:
                former = properties[key].get("description", "")
                properties[key] = {**properties[key], "description": f"{text} {former}".rstrip()}
