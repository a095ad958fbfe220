"""Documents that tests of transactions write, and read back."""

from typing import Any

from mongodb.transactions import collection

NOTES = "livestream_feed"  # any collection that exists: creating one in a transaction is another story


def notes() -> list[Any]:
    return [note["text"] for note in collection(NOTES).find().sort("text", 1)]


def write(text: str) -> str:
    collection(NOTES).insert_one({"text": text})
    return text
