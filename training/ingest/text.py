"""Text files of any encoding and line end as clean UTF-8."""

import codecs
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

CHUNK = 1 << 22


@dataclass
class Text:
    """What one pass over a text file finds."""

    digest: "hashlib._Hash" = field(default_factory=hashlib.sha256)
    head: bytes = b""
    is_utf8: bool = True
    has_nul: bool = False
    n_crlf: int = 0
    n_lf: int = 0  # from the first CRLF on
    has_plain_ends: bool = False

    @property
    def is_clean(self) -> bool:
        """Whether the file can be read as it lies there."""
        is_mixed = self.n_crlf and (self.has_plain_ends or self.n_crlf < self.n_lf)
        return self.is_utf8 and not is_mixed


def scanned(path: Path, packed: str | None) -> Text:
    """One pass over a text file, unpacked."""
    text = Text()
    decoder = codecs.getincrementaldecoder("utf-8")()
    for chunk in _chunks(path, packed):
        if len(text.head) < CHUNK:
            text.head += chunk[: CHUNK - len(text.head)]
        text.digest.update(chunk)
        text.has_nul = text.has_nul or b"\0" in chunk
        if b"\r" in chunk:  # counting costs more than to see that there is none
            text.n_crlf += chunk.count(b"\r\n")
        elif b"\n" in chunk:
            text.has_plain_ends = True
        if text.n_crlf:
            text.n_lf += chunk.count(b"\n")
        text.is_utf8 = text.is_utf8 and _decodes(decoder, chunk)
    text.is_utf8 = text.is_utf8 and _decodes(decoder, b"", final=True)
    return text


def _decodes(decoder: codecs.IncrementalDecoder, chunk: bytes, final: bool = False):
    if chunk.isascii() and not final and not decoder.getstate()[0]:
        return True
    try:
        decoder.decode(chunk, final)
    except UnicodeDecodeError:
        return False
    return True


def _chunks(path: Path, packed: str | None) -> Iterator[bytes]:
    """The unpacked bytes; never parts a carriage return from its line feed."""
    with path.open("rb") as file:
        stream = pa.CompressedInputStream(file, packed) if packed else file
        rest = b""
        while chunk := stream.read(CHUNK):
            chunk = rest + chunk
            rest = b"\r" if chunk.endswith(b"\r") else b""
            yield chunk[:-1] if rest else chunk
        if rest:
            yield rest


def rewritten(path: Path, packed: str | None, text: Text, scratch: Path) -> Path:
    """A copy in UTF-8 with one kind of line end."""
    copy = scratch / f"{len(list(scratch.iterdir()))}.{path.name}.txt"
    encoding = "utf-8" if text.is_utf8 else "cp1252"
    decoder = codecs.getincrementaldecoder(encoding)(errors="replace")
    with copy.open("wb") as file:
        for chunk in _chunks(path, packed):
            lines = decoder.decode(chunk).replace("\r\n", "\n")
            file.write(lines.encode("utf-8"))
    return copy
