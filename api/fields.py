"""Serializer fields that do not coerce JSON types, and have one error code for each fault."""

import unicodedata
from datetime import UTC, datetime
from typing import Any

from bson import ObjectId
from django.core.validators import RegexValidator
from django.http import Http404
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1
ID_LENGTH = 24
_WRONG_TYPE = "invalid_type"
# Spaces, line breaks, controls, and format characters such as the zero-width space.
_INVISIBLE = frozenset({"Zs", "Zl", "Zp", "Cc", "Cf"})
# Characters of other categories that show nothing: Hangul fillers, the Braille blank, the combining grapheme joiner.
_FILLERS = frozenset("\u115f\u1160\u3164\uffa0\u2800\u034f")


def is_blank(text: str) -> bool:
    """Tell whether people see nothing of the text, because it has only spaces and invisible characters."""
    return all(unicodedata.category(each) in _INVISIBLE or each in _FILLERS for each in text)


def id_or_404(text: str) -> str:
    """Return the id that a path names, in lower case. Raises Http404 if it can't be an id."""
    if len(text) != ID_LENGTH or not ObjectId.is_valid(text):
        raise Http404
    return text.lower()


class ObjectIdField(serializers.Field[str, Any, str, Any]):
    """An id: 24 hex digits. Its value is the canonical (lower-case) string, as a goal's context stores it."""

    default_error_messages = {
        _WRONG_TYPE: _("Must be a string."),
        "invalid_id": _("Must be an id of 24 hex digits."),
    }

    def to_internal_value(self, data: Any) -> str:
        """Return the id as a lower-case string."""
        if not isinstance(data, str):
            self.fail(_WRONG_TYPE)
        if len(data) != ID_LENGTH or not ObjectId.is_valid(data):
            self.fail("invalid_id")
        return data.lower()

    def to_representation(self, value: Any) -> str:
        """Return the 24-hex string of an ObjectId, or the string itself."""
        return str(value)


class StrictIntegerField(serializers.IntegerField):
    """A JSON integer that BSON can hold. `true`, `1.0` and `"60"` are refused."""

    default_error_messages = {_WRONG_TYPE: _("Must be a whole number.")}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"min_value": INT64_MIN, "max_value": INT64_MAX, **kwargs})

    def to_internal_value(self, data: Any) -> int:
        """Return the integer untouched."""
        if type(data) is not int:  # isinstance would accept a bool
            self.fail(_WRONG_TYPE)
        return data


class StrictCharField(serializers.CharField):
    """A JSON string, kept as it is sent. A string of which people see nothing counts as blank."""

    default_error_messages = {_WRONG_TYPE: _("Must be a string.")}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"trim_whitespace": False, **kwargs})

    def to_internal_value(self, data: Any) -> str:
        """Return the string untouched."""
        if not isinstance(data, str):
            self.fail(_WRONG_TYPE)
        if not self.allow_blank and is_blank(data):
            self.fail("blank")
        return data


class OneLineField(StrictCharField):
    """One line of text. It must not be blank or contain control characters or line separators."""

    default_validators = (
        RegexValidator(r"\A[^\x00-\x1f\x7f-\x9f\u2028\u2029]*\Z", _("Must be one line of text."), "invalid_characters"),
    )


class StrictBooleanField(serializers.BooleanField):
    """A JSON boolean. `1` and `"true"` are refused."""

    default_error_messages = {_WRONG_TYPE: _("Must be true or false.")}

    def to_internal_value(self, data: Any) -> bool:
        """Return the boolean untouched."""
        if not isinstance(data, bool):
            self.fail(_WRONG_TYPE)
        return data


class UnixSecondsField(serializers.Field[datetime, Any, int, Any]):
    """A datetime as whole Unix seconds, rounded down. For answers only."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{**kwargs, "read_only": True})

    def to_representation(self, value: datetime) -> int:
        """Return the seconds. A datetime without a time zone, as pymongo reads it, is UTC."""
        aware = value if value.tzinfo else value.replace(tzinfo=UTC)
        return int(aware.timestamp() // 1)
