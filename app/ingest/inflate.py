"""Bodies that were sent compressed, inflated within a bound."""

import zlib

from app.ingest.body import MalformedError
from app.ingest.request import TooLargeError

GZIP = (b"gzip", b"x-gzip")
AS_IT_IS = (b"", b"identity")

_GZIP_ONLY = 16 + zlib.MAX_WBITS


def inflated(body: bytes, encoding: bytes, bytes_max: int) -> bytes:
    """The body that a Content-Encoding stands for.

    Raises MalformedError, and TooLargeError as soon as it has more bytes than are taken.
    """
    encoding = encoding.strip().lower()
    if encoding in AS_IT_IS:
        return body
    if encoding not in GZIP:
        raise MalformedError("Content-Encoding: expected gzip or none, got another one")
    inflater = zlib.decompressobj(_GZIP_ONLY)
    try:
        plain = inflater.decompress(body, bytes_max + 1)
    except zlib.error:
        raise MalformedError("expected gzip, as Content-Encoding says; it is broken") from None
    if len(plain) > bytes_max:
        raise TooLargeError
    if not inflater.eof or inflater.unused_data:
        raise MalformedError("expected one whole gzip member; it ends early or more follows")
    return plain
