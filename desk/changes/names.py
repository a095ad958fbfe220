"""Finds the names of the authors and the subjects of changes, with one query for each kind of object."""

from collections.abc import Iterable

from bson import ObjectId
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import User
from django.urls import NoReverseMatch, reverse

from api.models import AuthorRole, ChangeRecord, ServerKey
from goals.models import Goal
from mongodb.collections import collection
from sessions_app.models import Session

# The field with the name, for each kind of object.
NAMED_BY = {"auth.user": "username", "api.serverkey": "name", "sessions_app.session": "title"}
Names = dict[tuple[str, str], str]


def name_each(records: list[ChangeRecord]) -> Names:
    """Return the names of all authors and subjects. A key consists of the model's label and the id."""
    wanted = {(_author_type(record), record.by_id) for record in records}
    wanted |= {(record.subject_type, record.subject_id) for record in records}
    names = _titles(_ids(wanted, "goals.goal"))
    for model in (User, ServerKey, Session):
        names |= _named(model, _ids(wanted, model._meta.label_lower))
    return names


def author_of(record: ChangeRecord, names: Names) -> str:
    """Return the name of the author, or the author's id if the account or key no longer exists."""
    return names.get((_author_type(record), record.by_id), record.by_id)


def subject_of(record: ChangeRecord, names: Names) -> str:
    """Return the name of what was changed, or its id if no name is known."""
    return names.get((record.subject_type, record.subject_id), record.subject_id)


def page_of_subject(record: ChangeRecord) -> str:
    """Return the address of the page of what was changed; "" if the admin has none."""
    try:
        model = apps.get_model(record.subject_type)
        if not admin.site.is_registered(model):
            return ""
        return reverse(f"admin:{record.subject_type.replace('.', '_')}_change", args=[record.subject_id])
    except (LookupError, ValueError, NoReverseMatch):
        return ""


def _author_type(record: ChangeRecord) -> str:
    return "api.serverkey" if record.by_role == AuthorRole.KEY else "auth.user"


def _ids(wanted: Iterable[tuple[str, str]], label: str) -> list[ObjectId]:
    return [ObjectId(each) for kind, each in wanted if kind == label and ObjectId.is_valid(each)]


def _named(model: type[User | ServerKey | Session], ids: list[ObjectId]) -> Names:
    if not ids:
        return {}
    label = model._meta.label_lower
    rows = collection(model._meta.db_table).find({"_id": {"$in": ids}}, {NAMED_BY[label]: True})
    return {(label, str(row["_id"])): row[NAMED_BY[label]] for row in rows}


def _titles(ids: list[ObjectId]) -> Names:
    """Return the titles of the goals. A goal has the title of its first level."""
    if not ids:
        return {}
    rows = collection(Goal._meta.db_table).find({"_id": {"$in": ids}}, {"levels": {"$slice": 1}, "_cls": True})
    return {("goals.goal", str(row["_id"])): row["levels"][0]["title"] for row in rows if row.get("levels")}
