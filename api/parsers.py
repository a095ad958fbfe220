"""A strict JSON parser. It refuses text that MongoDB cannot store, or that different JSON parsers read differently."""

import json
import math
import re
from collections.abc import Iterator, Mapping
from typing import IO, Any, NoReturn

from django.conf import settings
from django.utils.translation import gettext_lazy as _
from rest_framework.parsers import JSONParser

from config.errors import ProductError

# BSON field names cannot contain NUL, and a lone surrogate cannot be encoded as UTF-8.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


class PayloadTooLarge(ProductError):
    """The body is larger than 1 MiB."""

    code = "payload_too_large"
    status = 413
    detail = _("The body is too large.")


class MalformedJSON(ProductError):
    """The body is not JSON or UTF-8, repeats a name, nests over 20 levels, or has a value that cannot be stored."""

    code = "malformed_json"
    status = 400
    detail = _("The body is not valid JSON.")


class StrictJSONParser(JSONParser):
    """Parses `application/json` of any top-level type; the serializer refuses a body that is not an object."""

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        """Return the document. Raises MalformedJSON. The view has already checked the size of the body."""
        del media_type, parser_context
        return parse_json(stream.read())


def parse_json(body: bytes) -> Any:
    """Return the document in the bytes. Raises MalformedJSON."""
    try:
        document = json.loads(
            body.decode(), object_pairs_hook=_object, parse_constant=_refuse_constant, parse_float=_finite
        )
    except UnicodeDecodeError as error:
        raise MalformedJSON(_("The body is not UTF-8.")) from error
    except (ValueError, RecursionError) as error:
        raise MalformedJSON from error
    for depth, level in enumerate(_levels(document)):
        if depth == settings.MAX_BODY_DEPTH and any(isinstance(value, dict | list) for value in level):
            raise MalformedJSON(_("The body is nested too deeply."))
        if any(isinstance(value, str) and _UNSTORABLE.search(value) for value in level):
            raise MalformedJSON(_("A string has a character that can't be stored."))
    return document


def _levels(document: Any) -> Iterator[list[Any]]:
    """Yield the values of each nesting level, the document itself being level 0."""
    level = [document]
    while level:
        yield level
        level = [
            child
            for value in level
            if isinstance(value, dict | list)
            for child in (value.values() if isinstance(value, dict) else value)
        ]


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    document = dict(pairs)
    if len(document) != len(pairs):
        raise MalformedJSON(_("A name occurs twice in an object."))
    if any(_UNSTORABLE.search(name) for name in document):
        raise MalformedJSON(_("A string has a character that can't be stored."))
    return document


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise MalformedJSON(_("A number is too large."))
    return number


def _refuse_constant(_name: str) -> NoReturn:
    raise MalformedJSON
