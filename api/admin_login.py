"""Signing in to the admin: the same limits as `POST /auth/token`, counted together with it."""

from typing import Any

from django.contrib.admin.forms import AdminAuthenticationForm
from django.core.exceptions import ValidationError
from rest_framework.exceptions import Throttled

from api.problems import describe
from api.throttles import count_guess, count_sign_in, forgive_guess


class LimitedLoginForm(AdminAuthenticationForm):
    """Refuses more attempts than the throttles let pass, the right password too."""

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
