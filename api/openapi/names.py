"""Names for parts of the document, because code generators make a type of each named schema."""

import json
from typing import Any

from api.openapi.schemas import Schema
from api.problems import CONTENT_TYPE

ERROR_CODE = "ErrorCode"
REF = "#/components/schemas/"


def name_parts(document: Schema) -> None:
    """Move objects and enums that stand inside other schemas into `components`, and list the codes of all errors.

    A part is named by its `title`, or after its place: `levels` of `Goal` become `GoalLevel`. Equal parts share a name.
    """
    _add_types(document)
    schemas = document["components"]["schemas"]
    schemas[ERROR_CODE]["enum"] = sorted(_error_codes(document))
    Names(schemas).of_components()
    names = Names(schemas)
    for item in (*document["paths"].values(), *document.get("webhooks", {}).values()):
        for operation in item.values():
            names.of_operation(operation)
    document["components"]["schemas"] = dict(sorted(schemas.items()))


class Names:
    """The named schemas, which can be looked up by their content."""

    def __init__(self, schemas: Schema) -> None:
        self._schemas = schemas
        self._names = {_content(schema): name for name, schema in sorted(schemas.items())}

    def of_components(self) -> None:
        """Name the parts of named schemas. Schemas with short names come first.

        For example, the parts that `Goal` and `BegunShow` share are named after `Goal`.
        """
        for name in sorted(self._schemas, key=lambda name: (len(name), name)):
            self._name_properties(name, self._schemas[name])

    def of_operation(self, operation: Schema) -> None:
        """Name the parts of an operation's parameters, body and successful responses."""
        name = _upper_first(operation["operationId"].removeprefix("on"))
        is_event = "x-channels" in operation
        for parameter in operation.get("parameters", []):
            if "schema" in parameter:
                parameter["schema"] = self._named(f"{name}{_camel(parameter['name'])}", parameter["schema"])
        for content in operation.get("requestBody", {}).get("content", {}).values():
            content["schema"] = self._named(name if is_event else f"{name}Body", content["schema"])
        for status, response in operation["responses"].items():
            for content in response.get("content", {}).values() if status < "300" else ():
                content["schema"] = self._named(f"{name}Answer", content["schema"])

    def _named(self, name: str, schema: Schema) -> Schema:
        """Return the schema with references in place of its parts, or a reference if the schema itself is a part."""
        for word in ("oneOf", "anyOf", "allOf"):
            if word in schema:
                return {**schema, word: [self._named(name, each) for each in schema[word]]}
        if "items" in schema:
            return {**schema, "items": self._named(name.removesuffix("s"), schema["items"])}
        if schema.get("properties"):
            part = {**schema, "type": "object"}
            reference = self._reference(part.pop("title", name), part)
            return reference if schema["type"] == "object" else _or_null(reference)
        if {"type", "enum"} <= schema.keys() <= {"type", "enum", "description"} and len(schema["enum"]) > 1:
            return self._named_enum(name, **schema)
        return schema

    def _named_enum(self, name: str, enum: list[Any], **more: Any) -> Schema:
        choices = [each for each in enum if each is not None]
        reference = self._reference(name, {"type": "string", "enum": choices})
        del more["type"]
        return {**(reference if choices == enum else _or_null(reference)), **more}

    def _reference(self, name: str, part: Schema) -> Schema:
        content = _content(part)
        if content not in self._names:
            if name in self._schemas:
                raise ValueError(f"two schemas want the name {name}; give one of them a `title`")
            self._names[content] = name
            self._schemas[name] = part
            self._name_properties(name, part)
        return {"$ref": REF + self._names[content]}

    def _name_properties(self, name: str, schema: Schema) -> None:
        if "properties" in schema:
            properties = schema["properties"].items()
            schema["properties"] = {key: self._named(f"{name}{_camel(key)}", each) for key, each in properties}


def _or_null(reference: Schema) -> Schema:
    return {"oneOf": [reference, {"type": "null"}]}


def _add_types(value: Any) -> None:
    """Add the `type` of constants and enums, which some generators need."""
    if isinstance(value, list):
        for each in value:
            _add_types(each)
    elif isinstance(value, dict):
        for each in value.values():
            _add_types(each)
        choices = value.get("enum", [value["const"]] if "const" in value else None)
        if choices is not None and "type" not in value:
            if all(isinstance(each, str) for each in choices):
                value["type"] = "string"
            elif None in choices:
                value["type"] = ["string", "null"]


def _error_codes(document: Schema) -> set[str]:
    """Return the codes of all problems. Each code is the name of its example."""
    responses = list(document["components"]["responses"].values())
    for item in document["paths"].values():
        for operation in item.values():
            responses += operation["responses"].values()
    return {
        code
        for response in responses
        for code in response.get("content", {}).get(CONTENT_TYPE, {"examples": ()})["examples"]
    }


def _content(schema: Schema) -> str:
    """Return a text that is equal for equal schemas. The order of an enum does not matter."""
    enum = {"enum": sorted(schema["enum"], key=str)} if "enum" in schema else {}  # null may be one of the values
    return json.dumps({**schema, **enum}, sort_keys=True)


def _camel(name: str) -> str:
    return "".join(_upper_first(word) for word in name.replace("-", "_").split("_"))


def _upper_first(word: str) -> str:
    return word[:1].upper() + word[1:]
