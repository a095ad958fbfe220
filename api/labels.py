"""Labels of stored values."""

from typing import Any

from django.db.models import TextChoices


def label_of(choices: type[TextChoices], value: Any) -> str:
    """Return the label of the value in the reader's language. A value without a label is returned unchanged."""
    return str(choices(value).label) if value in choices else str(value)
