"""The file of a backup: a line of text, then BSON documents in a gzip stream.

    showgoals backup 1 sha256 <the digest of all that follows, in 64 hex digits>
    gzip(head, documents of the first collection, {}, documents of the second collection, {}, ...)

The head is `{at, database, mongodb, migrations: [name], views: [{name, options}], collections: [{name, options,
indexes}]}`; the documents follow in the order of its `collections`. No stored document is empty, so `{}` ends
each collection. The digest is written last, so a file without it was not finished.

Files of `manage.py archive` differ in the title and in what the head says (`ops/retention/archiving.py`).
"""

import gzip
import hashlib
import io
import zlib
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO

import bson
from bson import CodecOptions
from bson.raw_bson import RawBSONDocument

from mongodb.collections import Document
from ops.backup.errors import BackupFailed

TITLE = b"showgoals backup 1 sha256 "
DIGEST_CHARACTERS = 64
# The stream is read and written in blocks of this size.
BLOCK_BYTES = 1 << 20
# Level 1 takes a third of the time of gzip's default level, for files that are a tenth larger.
COMPRESSION_LEVEL = 1
LENGTH_BYTES = 4
BATCH_DOCUMENTS = 1000
BATCH_BYTES = 8_000_000
END = bson.encode({})
IN_UTC = CodecOptions[dict[str, Any]](tz_aware=True)


class ArchiveWriter:
    """Writes a backup into a new file. Call `finish` at the end."""

    def __init__(self, file: BinaryIO, head: Document, title: bytes = TITLE) -> None:
        self._file, self._title = file, title
        file.write(title + b"-" * DIGEST_CHARACTERS + b"\n")
        self._hashed = _Hashed(file)
        self._stream = gzip.GzipFile(
            filename="", mode="wb", compresslevel=COMPRESSION_LEVEL, fileobj=self._hashed, mtime=0
        )
        self.write(bson.encode(head))

    def write(self, documents: bytes) -> None:
        """Add documents to the collection that is being written."""
        self._stream.write(documents)

    def end_collection(self) -> None:
        """End the collection that is being written."""
        self._stream.write(END)

    def finish(self) -> None:
        """Write what is still in memory, and the digest."""
        self._stream.close()
        self._file.seek(len(self._title))
        self._file.write(self._hashed.digest().encode())


class _Hashed:
    """A file being written, with the digest of what was written."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._sha256 = hashlib.sha256()

    def write(self, data: bytes) -> int:
        self._sha256.update(data)
        return self._file.write(data)

    def flush(self) -> None:
        self._file.flush()

    def digest(self) -> str:
        return self._sha256.hexdigest()


class ArchiveReader:
    """Reads a backup. Call the function `check` with the file first."""

    def __init__(self, file: BinaryIO) -> None:
        file.seek(0)
        file.readline()
        stream: Any = gzip.GzipFile(fileobj=file)
        self._stream = io.BufferedReader(stream, BLOCK_BYTES)
        self.head: Document = bson.decode(self._next(), codec_options=IN_UTC)

    def collections(self) -> Iterator[tuple[Document, Iterator[RawBSONDocument]]]:
        """Yield each collection of the head with its documents. Read all documents before the next collection."""
        for each in self.head["collections"]:
            yield each, self._documents()

    def _documents(self) -> Iterator[RawBSONDocument]:
        while (document := self._next()) != END:
            yield RawBSONDocument(document)

    def _next(self) -> bytes:
        try:
            length = self._stream.read(LENGTH_BYTES)
            rest = self._stream.read(max(0, int.from_bytes(length, "little") - LENGTH_BYTES))
        except (OSError, EOFError, zlib.error) as error:
            raise _damaged() from error
        if not rest:
            raise _damaged()
        return length + rest


def batches(documents: Iterable[RawBSONDocument]) -> Iterator[list[RawBSONDocument]]:
    """Yield the documents in lists that are small enough to be inserted or deleted by one command."""
    batch, size = list[RawBSONDocument](), 0
    for document in documents:
        batch.append(document)
        size += len(document.raw)
        if len(batch) >= BATCH_DOCUMENTS or size >= BATCH_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def check(file: BinaryIO, title: bytes = TITLE) -> None:
    """Raise BackupFailed unless the file is whole and of this kind, and no byte in it has changed."""
    file.seek(0)
    first_line = file.read(len(title) + DIGEST_CHARACTERS + 1)
    if not first_line.startswith(title):
        kind = title.split()[1].decode()
        article = "an" if kind == "archive" else "a"
        raise BackupFailed(f"The file is not {article} {kind}, or another release wrote it and this one can't read it.")
    sha256 = hashlib.sha256()
    while block := file.read(BLOCK_BYTES):
        sha256.update(block)
    if first_line != title + sha256.hexdigest().encode() + b"\n":
        raise _damaged()


def _damaged() -> BackupFailed:
    return BackupFailed("The file is damaged: it was cut off, or its content has changed. Nothing is restored from it.")
