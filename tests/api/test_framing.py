"""The server finds the right end of a request. If a proxy found another end, an attacker could smuggle in a request.

Each ambiguous request is sent together with a second request. The second request must get no response.
"""

from functools import partial

import pytest

from tests.api.raw_http import statuses

pytestmark = [pytest.mark.e2e, pytest.mark.django_db]

SLIPPED_IN = b"GET /slipped-in HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
LAST_CHUNK = b"0\r\n\r\n"
CHUNKED, LENGTH = b"Transfer-Encoding: chunked", b"Content-Length: 5"
CODINGS = [
    *(b"xchunked", b"chunked, identity", b"identity", b"chunked,chunked", b"", b'"chunked"', b"chunked;x=1"),
    *(b"\x0bchunked", b"chunked\x00", b"chun\xa0ked", b"chunked, chunked", b"deflate"),
]
UNDERSTOOD_CODINGS = [b"chunked", b"Chunked", b"\tchunked", b"chunked ", b"identity, chunked", b"gzip, chunked"]
LENGTHS = [
    *(b"+5", b"-5", b"0x5", b"5,5", b"5, 5", b"1e1", b"", b"5.0", b"\xb2", b"5\x00", b"5;5", b"_5", b"1_0", b"NaN"),
    *(b"\xd9\xa5", b"9" * 5000),
]
PAIRS = {
    "chunked, length": (CHUNKED, LENGTH),
    "length, chunked": (LENGTH, CHUNKED),
    "a longer length, chunked": (b"Content-Length: 60", CHUNKED),
    "two lengths": (LENGTH, b"Content-Length: 50"),
    "the same length twice": (LENGTH, LENGTH),
    "two codings": (CHUNKED, b"Transfer-Encoding: identity"),
    "space before the colon": (b"Transfer-Encoding : chunked", LENGTH),
    "folded header": (b"X: y\r\n Transfer-Encoding: chunked", LENGTH),
    "header after a line feed": (b"X: y\nTransfer-Encoding: chunked", LENGTH),
    "header after a carriage return": (b"X: y\rTransfer-Encoding: chunked", LENGTH),
}
CHUNKS = [b'2;x="\r\n\r\n"\r\n{}', b"0x2\r\n{}", b"-1\r\n{}", b"+2\r\n{}", b"2\n{}\n0\n", b"f" * 400, b"2 \r\n{}"]


def request(*headers: bytes, body: bytes = LAST_CHUNK, version: bytes = b"1.1") -> bytes:
    line = b"POST /auth/token HTTP/" + version
    head = (line, b"Host: 127.0.0.1", b"Content-Type: application/json", *headers, b"", b"")
    return b"\r\n".join(head) + body + SLIPPED_IN


@pytest.fixture
def answered(port: int) -> partial[list[int]]:
    return partial(statuses, port)


@pytest.mark.parametrize("coding", CODINGS, ids=ascii)
def test_coding_that_is_not_chunked_is_refused(answered: partial[list[int]], coding: bytes) -> None:
    header = b"Transfer-Encoding:" + coding

    assert [answered(request(header)), answered(request(header, LENGTH))] == [[400], [400]]


@pytest.mark.parametrize("coding", UNDERSTOOD_CODINGS, ids=ascii)
def test_chunks_are_refused_with_a_length_and_without(answered: partial[list[int]], coding: bytes) -> None:
    header = b"Transfer-Encoding:" + coding

    assert [answered(request(header)), answered(request(header, LENGTH))] == [[411], [400]]


@pytest.mark.parametrize("length", LENGTHS, ids=lambda length: ascii(length[:10]))
def test_length_that_is_no_number_is_refused(answered: partial[list[int]], length: bytes) -> None:
    assert answered(request(b"Content-Length: " + length)) == [400]


@pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS)
def test_headers_that_contradict_each_other_are_refused(
    answered: partial[list[int]], pair: tuple[bytes, bytes]
) -> None:
    assert answered(request(*pair)) == [400]


@pytest.mark.parametrize("chunk", CHUNKS, ids=lambda chunk: ascii(chunk[:10]))
def test_nothing_after_odd_chunks_is_a_request(answered: partial[list[int]], chunk: bytes) -> None:
    assert answered(request(CHUNKED, body=chunk + b"\r\n" + LAST_CHUNK)) in ([400], [411])


@pytest.mark.parametrize("header", [b"Transfer_Encoding: chunked", b"Content_Length: 90", b"Content-Length : 90"])
def test_header_of_another_spelling_does_not_count(answered: partial[list[int]], header: bytes) -> None:
    """The server ignores the header and sees two requests, or refuses the first request and closes the connection."""
    assert answered(request(header, LENGTH)) in ([400, 404], [400])


def test_coding_of_http_1_0_is_refused(answered: partial[list[int]]) -> None:
    assert answered(request(CHUNKED, version=b"1.0")) == [400]


@pytest.mark.parametrize("kind", [b"a/b; charset=hex", b"a/b; x*=idna''caf%E9"], ids=["charset", "parameter"])
@pytest.mark.parametrize(
    ("header", "status"),
    [(b"Expect: nope", 417), (b"Content-Length: 5000000", 413), (CHUNKED, 411)],
    ids=["expectation", "too large", "chunks"],
)
def test_refusal_does_not_read_an_odd_type(
    answered: partial[list[int]], kind: bytes, header: bytes, status: int
) -> None:
    head = (b"POST /auth/token?x=%E9 HTTP/1.1", b"Host: 127.0.0.1", b"Content-Type: " + kind, header, b"", b"")

    assert answered(b"\r\n".join(head)) == [status]
