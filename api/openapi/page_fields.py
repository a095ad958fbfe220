"""Schemas and texts of the OpenAPI document, as the page of `GET /docs` shows them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

from api.openapi.schemas import ID, ID_IN_ANY_CASE, Schema, resolved

LIMITS = {
    "minimum": "at least {}",
    "maximum": "at most {}",
    "maxLength": "at most {} characters",
    "minItems": "at least {}",
    "maxItems": "at most {}",
}
MARKS = ((r"`([^`]+)`", r"<code>\1</code>"), (r"\*\*([^*]+)\*\*", r"<b>\1</b>"), (r"\*([^*]+)\*", r"<i>\1</i>"))


@dataclass(frozen=True)
class Field:
    """A parameter, a body or a property.

    If its value is an object, or a list of objects, `fields` has their properties.
    """

    name: str
    type: str
    text: SafeString
    is_required: bool = False
    place: str = ""
    choices: list[str] = field(default_factory=list)
    fields: list["Field"] = field(default_factory=list)

    def names(self) -> Iterator[str]:
        """Yield the names of the field and of all fields in it."""
        yield self.name
        for each in self.fields:
            yield from each.names()


def a_field(made: Schema, name: str, schema: Schema, **more: Any) -> Field:
    """Return a schema of the document as a field."""
    inner = resolved(made, schema)
    while "items" in inner or "oneOf" in inner:
        inner = resolved(made, inner["items"] if "items" in inner else inner["oneOf"][0])
    fields = [
        a_field(made, key, each, is_required=key in inner.get("required", ()))
        for key, each in inner.get("properties", {}).items()
    ]
    more.setdefault("text", marked_up(schema.get("description", "")))
    return Field(name, _type(made, schema), fields=fields, choices=inner.get("enum", []), **more)


def marked_up(text: str) -> SafeString:
    """Return the HTML of a text with paragraphs, lists, `code`, **bold** and *italic* words."""
    return mark_safe("".join(_block(block) for block in text.strip().split("\n\n") if block))  # noqa: S308 - escaped


def _block(block: str) -> str:
    html = str(escape(block))
    for mark, tags in MARKS:
        html = re.sub(mark, tags, html)
    lead, *entries = re.split(r"(?:^|\n)- ", html)
    rest = f"<ul>{''.join(f'<li>{entry}</li>' for entry in entries)}</ul>" if entries else ""
    return (f"<p>{lead}</p>" if lead else "") + rest


def _type(made: Schema, schema: Schema) -> str:
    """Return the type in words: `list of GoalLevel`, `integer or null, at least 1`."""
    if "$ref" in schema:
        found = resolved(made, schema)
        return schema["$ref"].rpartition("/")[2] if "properties" in found else _type(made, found)
    if "oneOf" in schema:
        return " or ".join(_type(made, each) for each in schema["oneOf"])
    if "items" in schema:
        return ", ".join([f"list of {_type(made, schema['items'])}", *_limits(schema)])
    if "enum" in schema or "const" in schema:
        return " | ".join(str(each) for each in schema.get("enum", [schema.get("const")]))
    if schema.get("pattern") in {ID["pattern"], ID_IN_ANY_CASE["pattern"]}:
        return "id or null" if "null" in schema["type"] else "id"
    types = schema.get("type", "any")
    return ", ".join([types if isinstance(types, str) else " or ".join(types), *_limits(schema)])


def _limits(schema: Schema) -> Iterator[str]:
    for word, text in LIMITS.items():
        if word in schema:
            yield text.format(f"{schema[word]:,}")
    if "default" in schema:
        yield f"by default {schema['default']!r}" if schema["default"] != "" else "by default empty"
