"""The base of the product's errors. Every error that is raised on purpose has a stable code."""

from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

Function = TypeVar("Function", bound=Callable[..., Any])
Error = type[Exception]

_ERRORS: dict[Any, tuple[Any, ...]] = {}


def raises(*errors: Error | Callable[..., Any]) -> Callable[[Function], Function]:
    """Declare which errors a function raises, in the order of its checks.

    A function among the errors stands for the errors that it declares itself. The OpenAPI document and docs/api.md list
    the errors that the methods of views declare.
    """

    def note(function: Function) -> Function:
        _ERRORS[function] = tuple(each for error in errors for each in _ERRORS.get(error, (error,)))
        return function

    return note


def errors_of(function: Callable[..., Any]) -> tuple[Error, ...]:
    """Return the errors that the function declares with `raises`."""
    return _ERRORS.get(function, ())


class ProductError(Exception):
    """An expected failure. The API returns it as problem+json. A task logs its code.

    `code` is a stable name for programs, in snake_case. `status` is the HTTP status. `detail` is a translated sentence
    for people. `ids` name the documents concerned, for logs. The ids are never secrets.
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

    If the error is `permanent`, as after a bad request or with a bad key, the same call would fail again. Otherwise the
    call may be tried again. If the error is `limited`, the vendor has responded, but takes no more calls at the moment.
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
