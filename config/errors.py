"""The base of the product's errors: every error raised on purpose has a stable code and names the ids."""

from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

Function = TypeVar("Function", bound=Callable[..., Any])
Error = type[Exception]

_ERRORS: dict[Any, tuple[Any, ...]] = {}


def raises(*errors: Error | Callable[..., Any]) -> Callable[[Function], Function]:
    """Say which errors a function refuses with, in the order of its checks.

    A function in the list stands for its own errors. The OpenAPI document and docs/api.md list the errors that the
    methods of views name this way.
    """

    def note(function: Function) -> Function:
        _ERRORS[function] = tuple(each for error in errors for each in _ERRORS.get(error, (error,)))
        return function

    return note


def errors_of(function: Callable[..., Any]) -> tuple[Error, ...]:
    """Return what the function's `raises` lists."""
    return _ERRORS.get(function, ())


class ProductError(Exception):
    """An expected failure. The API returns it as problem+json, a task logs its code.

    `code` is stable snake_case for programs, `status` the HTTP status, `detail` a translated
    sentence for people, `ids` the documents concerned (for logs; never secrets).
    """

    code: ClassVar[str] = "error"
    status: ClassVar[int] = 500
    detail: str | Promise = _("Something went wrong.")

    def __init__(self, detail: str | Promise = "", **ids: str) -> None:
        self.detail = detail or type(self).detail
        self.ids = ids
        super().__init__(self.code)

    def __str__(self) -> str:
        named = "".join(f" {name}={value}" for name, value in self.ids.items())
        return f"{self.code}: {self.detail}{named}"


class TransportError(ProductError):
    """A call to Pusher, BytePlus or the analytics sink failed.

    Permanent: the same call would fail again (bad request, bad key). Otherwise it may be tried again.
    Limited: the vendor has answered, but takes no more calls for the moment. So it is there, only busy.
    """

    code = "transport_error"
    detail = _("A service outside could not be reached.")

    def __init__(self, detail: str | Promise = "", *, permanent: bool, limited: bool = False, **ids: str) -> None:
        self.permanent = permanent
        self.limited = limited
        super().__init__(detail, **ids)


class Unavailable(ProductError):
    """MongoDB cannot be reached, or a transaction still conflicts after all retries. See `Retry-After`."""

    code = "unavailable"
    status = 503
    detail = _("The service is briefly unavailable. Please try again.")
