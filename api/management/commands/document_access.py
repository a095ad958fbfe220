"""`manage.py document_access`: writes who may make each call into the table of docs/api.md."""

import re
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from api.calls import calls

# | `GET /goals/{id}` | who |, with a query or without.
_ROW = re.compile(r"^\| `(?P<method>[A-Z]+) (?P<path>/[^?`]*)(?P<query>[^`]*)` \| [^|]* \|", re.MULTILINE)


class Command(BaseCommand):
    help = "Write into docs/api.md who may make each call, as the views say it."

    def handle(self, **_options: Any) -> None:
        """Write the page and say whether that changed it."""
        page = settings.BASE_DIR / "docs" / "api.md"
        before = page.read_text(encoding="utf-8")
        page.write_text(after := with_who(before), encoding="utf-8")
        self.stdout.write(f"{page}: {'unchanged' if after == before else 'written'}")


def with_who(page: str) -> str:
    """Return the page with the second column of its calls as the views' `access` says."""
    who = {_anonymous(f"{call.method} {call.path}"): call.who for call in calls()}

    def row(found: re.Match[str]) -> str:
        call = f"{found['method']} {found['path']}"
        return f"| `{call}{found['query']}` | {who.get(_anonymous(call), 'nobody')} |"

    return _ROW.sub(row, page)


def _anonymous(call: str) -> str:
    """Return the call with each parameter as {}: docs and urls name them differently."""
    return re.sub(r"{\w+}", "{}", call)
