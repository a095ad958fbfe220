"""The table of docs/architecture.md lists every collection, and says in which collections documents expire."""

from django.apps import apps
from django_mongodb_backend.models import EmbeddedModel

from mongodb.pending import APPLIED, RESTORATIONS
from ops.structure import expected_structure
from tests.docs.markdown import in_code, rows_in, section

STORED = section("docs/architecture.md", "What is stored")
ROWS = list(rows_in(STORED))


def test_page_lists_each_collection_and_no_other() -> None:
    models = [model for model in apps.get_models(include_auto_created=True) if not issubclass(model, EmbeddedModel)]
    collections = {model._meta.db_table for model in models if model._meta.managed}
    listed = [name for row in ROWS for name in in_code(row[0])]

    assert sorted(listed) == sorted(collections | {APPLIED, RESTORATIONS})
    assert expected_structure()["indexes"].keys() - collections == set()


def test_page_says_which_documents_expire() -> None:
    indexes = expected_structure()["indexes"]
    expiring = {name for name in indexes if any("expireAfterSeconds" in index for index in indexes[name])}

    assert {name for row in ROWS if "expire" in row[1] for name in in_code(row[0])} == expiring


def test_page_names_each_view() -> None:
    assert [view for view in expected_structure()["views"] if f"The view `{view}`" not in STORED] == []
