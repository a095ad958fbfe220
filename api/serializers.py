"""The base classes of request and response bodies."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.settings import api_settings


class SharedFields(serializers.Serializer[Any]):
    """A serializer whose instances share their class's fields, because copying fields is DRF's slowest step."""

    @property
    def fields(self) -> Any:
        """Return the class's fields, bound to an instance that all serializers of the class share."""
        return _fields_of(type(self), get_language())


@cache
def _fields_of(serializer: type[SharedFields], language: str | None) -> Any:
    """Return the fields for one language, because some of DRF's messages keep the language of their first use."""
    del language
    make_fields: Any = serializers.Serializer.fields
    return make_fields.func(serializer())


class StrictSerializer(SharedFields):
    """A serializer that refuses unknown fields and fields that the server sets, even in nested objects.

    The error code of such a field is `unknown_field`.
    """

    def to_internal_value(self, data: Any) -> Any:
        """Return the validated fields. Raises ValidationError with the unknown names and the errors of known fields."""
        if not isinstance(data, Mapping):
            wrong_type = ErrorDetail(str(_("Must be an object.")), "invalid_type")
            raise ValidationError({api_settings.NON_FIELD_ERRORS_KEY: [wrong_type]})
        unknown = self._unknown_fields(data)
        try:
            validated = super().to_internal_value(data)
        except ValidationError as error:
            known = error.detail if isinstance(error.detail, dict) else {}
            raise ValidationError({**known, **unknown}) from error
        if unknown:
            raise ValidationError(unknown)
        return validated

    def _unknown_fields(self, data: Mapping[str, Any]) -> dict[str, list[ErrorDetail]]:
        writable = {name for name, field in self.fields.items() if not field.read_only}
        message = str(_("This field is not known."))
        return {name: [ErrorDetail(message, "unknown_field")] for name in data if name not in writable}


class OptionalBody(StrictSerializer):
    """A body that the client may leave out. `null` counts as no body, because some clients send it instead."""

    def run_validation(self, data: Any = serializers.empty) -> Any:
        """Validate the fields."""
        return super().run_validation({} if data is None else data)


class NoFields(OptionalBody):
    """The body of a call that takes no fields."""


class AnswerSerializer(SharedFields):
    """The body of an answer."""
