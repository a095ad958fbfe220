"""What operations share, each once under `components`."""

from typing import Any

from drf_spectacular.plumbing import ComponentRegistry, ResolvedComponent

Schema = dict[str, Any]


def component_ref(registry: ComponentRegistry, kind: str, name: str, content: Schema) -> Schema:
    """Return a `$ref` to the component; the content itself if the name stands for something else already."""
    component = ResolvedComponent(name=name, type=kind, schema=content, object=name)
    registry.register_on_missing(component)
    return dict(component.ref) if registry[component].schema == content else content
