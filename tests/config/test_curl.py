"""The names of libcurl's errors, which reach logs and the attempts of webhooks."""

import pytest

from config.curl import _ERRORS


@pytest.mark.parametrize(
    ("code", "name"),
    [
        *((1, "UNSUPPORTED_PROTOCOL"), (5, "COULDNT_RESOLVE_PROXY"), (6, "COULDNT_RESOLVE_HOST")),
        *((7, "COULDNT_CONNECT"), (22, "HTTP_RETURNED_ERROR"), (28, "OPERATION_TIMEDOUT"), (52, "GOT_NOTHING")),
        *((56, "RECV_ERROR"), (60, "PEER_FAILED_VERIFICATION"), (70, "REMOTE_DISK_FULL")),
    ],
)
def test_each_code_has_its_present_name(code: int, name: str) -> None:
    assert _ERRORS[code] == name


def test_no_code_has_the_name_of_another_interface() -> None:
    assert [name for name in _ERRORS.values() if name.startswith("MULTI_")] == []
