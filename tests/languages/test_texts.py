"""A caller who asks for zh-hant reads no English text, neither ours nor the framework's."""

import re
from collections.abc import Callable, Iterator

import pytest
from django.utils import translation
from rest_framework import exceptions
from rest_framework.fields import Field
from rest_framework.serializers import BaseSerializer, ListSerializer, Serializer

from api.problems import TITLES, describe
from config.errors import TransportError
from lab.management.commands.document_api import product_errors
from notifications.fanout.views import ReceivedBody

CHINESE = re.compile("[\u4e00-\u9fff]")
# Names (nbf, Idempotency-Key, A-Z a-z) do not count as English; three words in a row do.
ENGLISH = re.compile(r"(?:\b[A-Za-z]{2,}\b[ ,.:]+){3}")
# The errors of commands are for operators. Their texts are not translated.
COMMANDS = "lab."
OF_THE_FRAMEWORK: list[Callable[[], Exception]] = [
    exceptions.NotAuthenticated,
    exceptions.AuthenticationFailed,
    exceptions.PermissionDenied,
    exceptions.NotFound,
    exceptions.NotAcceptable,
    exceptions.ParseError,
    lambda: exceptions.MethodNotAllowed("PUT"),
    lambda: exceptions.UnsupportedMediaType("text/plain"),
    lambda: exceptions.Throttled(7),
    lambda: exceptions.ValidationError({"nbf": "\u932f"}),
]


def is_chinese(text: str) -> bool:
    return bool(CHINESE.search(text)) and not ENGLISH.search(text)


def ours() -> list[Callable[[], Exception]]:
    errors = sorted(product_errors() - {TransportError}, key=lambda error: error.__qualname__)
    return [lambda: TransportError(permanent=True), *(e for e in errors if not e.__module__.startswith(COMMANDS))]


def bodies() -> Iterator[type[BaseSerializer[object]]]:
    waiting: list[type[BaseSerializer[object]]] = [Serializer, ListSerializer]
    while waiting:
        kind = waiting.pop()
        waiting += kind.__subclasses__()
        if not kind.__module__.startswith(("rest_framework", "drf_spectacular", "tests.")):
            yield kind


def texts_of(field: Field[object, object, object, object], path: str) -> Iterator[tuple[str, str]]:
    """Yield the place and the text of each error that the field can return."""
    yield from ((f"{path}: {code}", str(text)) for code, text in field.error_messages.items())
    for validator in field.validators:
        if message := getattr(validator, "message", None):
            yield f"{path}: {type(validator).__name__}", str(message)
    children = dict(field.fields) if isinstance(field, Serializer) else {"": getattr(field, "child", None)}
    for name, child in children.items():
        if child is not None and not child.read_only:
            yield from texts_of(child, f"{path}/{name}")


@pytest.mark.parametrize("make", [*ours(), *OF_THE_FRAMEWORK], ids=lambda make: make.__qualname__)
def test_refusal_in_zh_hant_has_no_english(make: Callable[[], Exception]) -> None:
    with translation.override("zh-hant"):
        problem = describe(make())
        assert problem is not None
        body = problem.body()

    assert {name: body[name] for name in ("title", "detail") if not is_chinese(body[name])} == {}


def test_titles_in_zh_hant_have_no_english() -> None:
    with translation.override("zh-hant"):
        assert [str(title) for title in TITLES.values() if not is_chinese(str(title))] == []


@pytest.mark.parametrize("body", list(bodies()), ids=lambda body: body.__name__)
def test_errors_of_a_body_in_zh_hant_have_no_english(body: type[BaseSerializer[object]]) -> None:
    with translation.override("zh-hant"):
        texts = dict(texts_of(body(), body.__name__))

    assert {where: text for where, text in texts.items() if not is_chinese(text)} == {}


def test_text_of_a_shared_field_is_in_the_language_of_each_use() -> None:
    """Instances of a serializer share their fields, and DRF formats some messages only once."""

    def refusal(language: str) -> str:
        with translation.override(language):
            body = ReceivedBody(data={"event_id": "x" * 65})
            assert not body.is_valid()
            return str(body.errors["event_id"][0])

    english, chinese = refusal("en"), refusal("zh-hant")
    assert (is_chinese(english), is_chinese(chinese), refusal("en")) == (False, True, english)
