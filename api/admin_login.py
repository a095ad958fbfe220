"""The admin's sign-in. It shares its limits, and the count of attempts, with `POST /auth/token` (`passwords.py`)."""

from typing import Any

from django.contrib.admin.forms import AdminAuthenticationForm
from django.core.exceptions import ValidationError
from rest_framework.exceptions import Throttled

from api.problems import describe


class LimitedLoginForm(AdminAuthenticationForm):
    """Shows an error if an attempt is refused because of a limit."""

    def clean(self) -> dict[str, Any]:
        """Check the password, and return the cleaned fields. Raises ValidationError."""
        try:
            return super().clean()
        except Throttled as error:
            problem = describe(error)
            raise ValidationError(problem.detail if problem else "", code="throttled") from error
