"""Lets `make messages` find the texts of Django's templates: `{% translate %}` and `{% blocktranslate %}`."""

from collections.abc import Iterator
from io import BytesIO
from typing import IO, Any

from babel.messages.extract import extract_python
from django.utils.translation.template import templatize


def extract_template(template: IO[bytes], keywords: Any, comment_tags: Any, options: Any) -> Iterator[Any]:
    """Yield the texts. Django turns the template into text for gettext, which Babel's extractor for Python can read."""
    source = templatize(template.read().decode())
    lines = (line.strip() for line in source.splitlines())
    yield from extract_python(BytesIO("\n".join(lines).encode()), keywords, comment_tags, options)
