"""The problems that an operation can return, made from the errors that it can raise."""

from collections.abc import Iterable

from drf_spectacular.plumbing import ComponentRegistry, ResolvedComponent
from rest_framework.exceptions import ErrorDetail, NotAuthenticated, Throttled, UnsupportedMediaType, ValidationError

from api.idempotency import IdempotencyKeyReused
from api.openapi.schemas import Schema
from api.openapi.shared import IN_EVERY_ANSWER, refs
from api.problems import CONTENT_TYPE, Problem, describe
from config.errors import Error

INVALID = ValidationError({"nbf": [ErrorDetail("This field is required.", "required")]})
INVALID_QUERY = ValidationError({"sesion_id": [ErrorDetail("This parameter is not known.", "unknown_parameter")]})
REPEATED_PARAMETER = ValidationError(
    {"lang": [ErrorDetail("This parameter may be given only once.", "repeated_parameter")]}
)
UNKNOWN_FIELD = ValidationError({"colour": [ErrorDetail("This field is not known.", "unknown_field")]})
# Examples for error classes that are too general to serve as their own example.
EXAMPLES = {
    ValidationError: INVALID,
    Throttled: Throttled(wait=30),
    UnsupportedMediaType: UnsupportedMediaType("text/plain"),
}
# Some operations return the codes of these errors with a text of their own. The first example with a name becomes the
# shared component, so the examples of these errors are registered first.
GENERAL = (NotAuthenticated, IdempotencyKeyReused, ValidationError)


def share_examples(registry: ComponentRegistry) -> None:
    """Register the examples of GENERAL as components."""
    for error in GENERAL:
        _example(_problem(error), registry)


def problem_responses(errors: Iterable[Error | Exception], registry: ComponentRegistry) -> dict[str, Schema]:
    """Return one response for each status. Each response lists its codes once, each with an example."""
    by_status: dict[int, dict[str, Problem]] = {}
    for error in errors:
        problem = _problem(error)
        by_status.setdefault(problem.status, {}).setdefault(problem.code, problem)
    return {str(status): _response(by_status[status], registry) for status in sorted(by_status)}


def _response(problems: dict[str, Problem], registry: ComponentRegistry) -> Schema:
    examples = {code: _example(problem, registry) for code, problem in problems.items()}
    title = next(iter(problems.values())).body()["title"]
    headers = [name for problem in problems.values() for name in problem.headers]
    response = {
        "description": f"{title}: {', '.join(f'`{code}`' for code in problems)}",
        "headers": refs("headers", (*IN_EVERY_ANSWER, *headers)),
        "content": {CONTENT_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}, "examples": examples}},
    }
    if len(problems) > 1:
        return response
    return _shared(registry, ResolvedComponent.RESPONSE, next(iter(problems)), response)


def _problem(error: Error | Exception) -> Problem:
    problem = describe((EXAMPLES.get(error) or error()) if isinstance(error, type) else error)
    if problem is None:
        raise TypeError(f"the API has no problem for {error}")
    return problem


def _example(problem: Problem, registry: ComponentRegistry) -> Schema:
    content = {"summary": problem.detail, "value": problem.body()}
    return _shared(registry, ResolvedComponent.EXAMPLE, problem.code, content)


def _shared(registry: ComponentRegistry, kind: str, name: str, content: Schema) -> Schema:
    """Return a reference to the component, or the content itself if other content already has the name."""
    component = ResolvedComponent(name=name, type=kind, schema=content, object=name)
    registry.register_on_missing(component)
    return dict(component.ref) if registry[component].schema == content else content
