"""What people call stored values."""

from typing import Any

from django.db.models import TextChoices


def label_of(choices: type[TextChoices], value: Any) -> str:
    """Return the label of the value in the reader's language; a value that is no choice, as it is."""
    return str(choices(value).label) if value in choices else str(value)
