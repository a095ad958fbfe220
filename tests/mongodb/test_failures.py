"""Errors of MongoDB, in words for operators."""

import pytest
from pymongo.errors import OperationFailure

from mongodb.failures import explain

COMMAND = 'to execute command { find: "goals" }'


@pytest.mark.parametrize(
    ("text", "code", "words"),
    [
        ("Authentication failed.", 18, "MongoDB refuses the user or the password of MONGODB_URI"),
        ("command find requires authentication", 13, "MongoDB refuses the user or the password of MONGODB_URI"),
        (
            f"not authorized on other {COMMAND}",
            13,
            "The user of MONGODB_URI may not use the database other: give it the role dbOwner there",
        ),
        (f"not authorized on admin {COMMAND}", 13, "MongoDB refuses the user or the password of MONGODB_URI"),
    ],
)
def test_refused_user_is_explained(text: str, code: int, words: str) -> None:
    assert explain(OperationFailure(text, code)) == words
