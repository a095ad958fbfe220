"""The admin's sign-in, with the limits of `POST /auth/token`; both are counted together."""

from typing import Any

from django.contrib.admin.forms import AdminAuthenticationForm
from django.core.exceptions import ValidationError
from rest_framework.exceptions import Throttled

from api.problems import describe
from api.throttles import count_guess, count_sign_in, forgive_guess


class LimitedLoginForm(AdminAuthenticationForm):
    """Refuses attempts over the limit, even with the right password."""

    def clean(self) -> dict[str, Any]:
        """Count the attempt, then check the password. Raises ValidationError."""
        name: str | None = self.cleaned_data.get("username")
        if name is None or self.request is None:
            return super().clean()
        try:
            count_sign_in(self.request)
            count_guess(name)
        except Throttled as error:
            problem = describe(error)
            raise ValidationError(problem.detail if problem else "", code="throttled") from error
        cleaned = super().clean()
        forgive_guess(name)
        return cleaned
