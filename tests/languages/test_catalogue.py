"""The zh-hant catalogue is complete, and the compiled file matches it. These tests do not need gettext."""

import re
from io import BytesIO

import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po

from lab.management.commands.document_api import ROOMS
from tests.docs.markdown import ROOT

SOURCE = ROOT / "locale/zh_Hant/LC_MESSAGES/django.po"
# The same methods as in pyproject.toml.
METHODS = [("**.py", "python"), ("**/templates/**.html", "lab.template_texts.extract_template")]
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|%[sd]|\{\w*(?::\w+)?\}")
RUN = "run `make messages`, translate, run it again"


@pytest.fixture(scope="module")
def catalogue() -> Catalog:
    with SOURCE.open("rb") as file:
        return read_po(file)


@pytest.fixture(scope="module")
def messages(catalogue: Catalog) -> list[Message]:
    return [message for message in catalogue if message.id]


def test_each_text_of_the_sources_is_in_the_catalogue_and_no_other(messages: list[Message]) -> None:
    found = {text for room in ROOMS for _file, _line, text, *_rest in extract_from_dir(ROOT / room, METHODS)}

    assert {message.id for message in messages} == found, RUN


def test_each_text_is_translated(catalogue: Catalog, messages: list[Message]) -> None:
    unfinished = [message.id for message in messages if message.fuzzy or not message.string]

    assert (unfinished, dict(catalogue.obsolete)) == ([], {})


def test_each_translation_has_the_placeholders_of_its_text(messages: list[Message]) -> None:
    placeholders = {
        message.id: [sorted(PLACEHOLDER.findall(str(text))) for text in (message.id, message.string)]
        for message in messages
    }

    assert {text: pair for text, pair in placeholders.items() if pair[0] != pair[1]} == {}


def test_compiled_catalogue_is_that_of_the_source(catalogue: Catalog) -> None:
    compiled = BytesIO()
    write_mo(compiled, catalogue)

    assert SOURCE.with_suffix(".mo").read_bytes() == compiled.getvalue(), RUN
