"""What the page of `GET /docs` shows, made from the OpenAPI document."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import chain
from typing import Any

from django.template.loader import render_to_string
from django.utils.safestring import SafeString

from api.openapi.document import document
from api.openapi.page_fields import Field, a_field, marked_up
from api.openapi.schemas import Schema, resolved
from api.problems import CONTENT_TYPE

# The calls of the section "Getting started", in their order. Each has its operation, the name of the example that is
# sent, and an explanation.
STEPS = (
    ("signIn", "A streamer signs in", "Exchange name and password for an access token. All calls below need one."),
    ("createSession", "A title", "The streamer goes live."),
    ("createGoal", "A funding goal", "The streamer opens a funding goal in the session: `type=show-funding`."),
    ("contribute", "Two hundred", "Viewers pay, each with their own token and an `Idempotency-Key`."),
    ("closeFundingGoal", "", "A goal with an `exp` closes by itself. This call closes it at once."),
    ("createGoal", "A show", "The streamer announces the paid show: `type=show`. It starts by itself at `nbf`."),
    ("getSessionToken", "", "A viewer asks for credentials: `sd` for the payers of a live show, `preview` for others."),
)
COMMON = 0.3  # an error that more than this share of the calls can return is listed only once, under the conventions


@dataclass(frozen=True, order=True)
class Error:
    """An error that a call can return."""

    status: str
    code: str
    text: str


@dataclass(frozen=True)
class Call:
    """An operation, or an event."""

    id: str
    tag: str
    method: str
    path: str
    summary: str
    text: SafeString
    needs_token: bool
    parameters: list[Field]
    bodies: list[Field]
    answers: list[Field]
    sent: dict[str, str]
    answered: dict[str, str]
    errors: list[Error]

    @property
    def is_event(self) -> bool:
        """Whether this is an event, which Pusher sends."""
        return self.method == "event"

    @property
    def words(self) -> str:
        """The text that the page's search looks through."""
        names = chain(*(each.names() for each in (*self.parameters, *self.bodies, *self.answers)))
        codes = (error.code for error in self.errors)
        return " ".join((self.id, self.method, self.path, self.summary, self.text, *names, *codes)).lower()


@dataclass(frozen=True)
class Step:
    """A step of the section "Getting started"."""

    call: Call
    text: SafeString
    sent: str


@cache
def page_as_html() -> bytes:
    """Return the page. Each process makes it once."""
    return render_to_string("api/docs.html", _page(document())).encode()


def _page(made: Schema) -> dict[str, Any]:
    """Return what the template shows."""
    found = [_Reader(made, *each) for each in _operations(made)]
    counts = Counter(error for each in found for error in each.errors())
    common = {error for error, count in counts.items() if count > COMMON * len(found)}
    calls = {each.id: each.call(common) for each in found}
    return {
        "info": made["info"],
        "about": marked_up(made["info"]["description"]),
        "steps": [Step(calls[name], marked_up(text), calls[name].sent.get(sent, "")) for name, sent, text in STEPS],
        "parameters": [_parameter(made, each) for each in made["components"]["parameters"].values()],
        "headers": [(name, marked_up(header["description"])) for name, header in made["components"]["headers"].items()],
        "errors": sorted(common),
        "groups": [(tag, [call for call in calls.values() if call.tag == tag["name"]]) for tag in made["tags"]],
    }


class _Reader:
    """Reads an operation, or a webhook, of the document."""

    def __init__(self, made: Schema, path: str, method: str, operation: Schema) -> None:
        self.id = operation["operationId"]
        self._made = made
        self._path = path
        self._operation = operation
        self._method = "event" if "x-channels" in operation else method

    def call(self, common: set[Error]) -> Call:
        """Return what the page shows, without the errors in `common`."""
        own = [each for each in self._operation.get("parameters", []) if "$ref" not in each]
        body = self._operation.get("requestBody", {}).get("content", {})
        answers = {
            f"{status} {media_type}": content
            for status, response in self._responses()
            if status < "300"
            for media_type, content in response.get("content", {}).items()
        }
        return Call(
            id=self.id,
            tag=self._operation["tags"][0],
            method=self._method,
            path=self._path,
            summary=self._operation["summary"],
            text=marked_up(self._operation["description"]),
            needs_token=bool(self._operation["security"]),
            parameters=[_parameter(self._made, each) for each in own],
            bodies=list(self._contents(body)),
            answers=list(self._contents(answers)),
            sent=self._examples(body),
            answered=self._examples(answers),
            errors=sorted(set(self.errors()) - common),
        )

    def errors(self) -> Iterator[Error]:
        """Yield the errors that the operation can return."""
        for status, response in self._responses():
            for code, example in response.get("content", {}).get(CONTENT_TYPE, {}).get("examples", {}).items():
                yield Error(status, code, resolved(self._made, example)["value"]["detail"])

    def _responses(self) -> Iterator[tuple[str, Schema]]:
        for status, response in self._operation["responses"].items():
            yield status, resolved(self._made, response)

    def _contents(self, contents: Schema) -> Iterator[Field]:
        """Yield a field for each media type, and for each alternative of a body."""
        for name, content in contents.items():
            schema = resolved(self._made, content["schema"])
            for each in schema.get("oneOf", [content["schema"]]):
                if each != {"type": "null"}:
                    yield a_field(self._made, name, each)

    def _examples(self, contents: Schema) -> dict[str, str]:
        return {
            example.get("summary", name): json.dumps(example["value"], indent=2)
            for content in contents.values()
            for name, example in content.get("examples", {}).items()
        }


def _operations(made: Schema) -> Iterator[tuple[str, str, Schema]]:
    for path, item in (made["paths"] | made["webhooks"]).items():
        for method, operation in item.items():
            yield path, method.upper(), operation


def _parameter(made: Schema, parameter: Schema) -> Field:
    return a_field(
        made,
        parameter["name"],
        parameter["schema"],
        place=parameter["in"],
        text=marked_up(parameter.get("description", "")),
        is_required=parameter.get("required", False),
    )
