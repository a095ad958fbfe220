"""Documents that tests of transactions write and read."""

from typing import Any

from mongodb.collections import collection

NOTES = "livestream_feed"  # an existing collection, because these tests can't create one in a transaction


def notes() -> list[Any]:
    return [note["text"] for note in collection(NOTES).find().sort("text", 1)]


def write(text: str) -> str:
    collection(NOTES).insert_one({"text": text})
    return text
