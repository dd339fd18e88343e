"""Reads zstd files to their end, or says that they have none.

The stream reader of `zstandard` takes a truncated file for a short one and stops after
the first of several frames, which is what parallel compressors write.
"""

import io
from collections.abc import Iterator
from typing import BinaryIO, cast

_BLOCK_BYTES = 2**16


def open_zstd(file: BinaryIO) -> BinaryIO:
    """The decompressed content of ``file``, as a stream.

    Raises:
        ImportError: If the package zstandard is missing.
    """
    return cast("BinaryIO", io.BufferedReader(_BlockStream(_decompress(file)), 2**20))


def _decompress(file: BinaryIO) -> Iterator[bytes]:
    import zstandard

    frame = None
    while block := file.read(_BLOCK_BYTES):
        while block:
            frame = frame or zstandard.ZstdDecompressor().decompressobj()
            try:
                yield frame.decompress(block)
            except zstandard.ZstdError as error:
                raise ValueError(str(error)) from error
            block = frame.unused_data if frame.eof else b""
            frame = None if frame.eof else frame
    if frame is not None:
        raise EOFError("it ends within a compressed frame")


class _BlockStream(io.RawIOBase):
    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks = blocks
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(buffer)  # type: ignore[arg-type]
        while not self._rest:
            block = next(self._blocks, None)
            if block is None:
                return 0
            self._rest = memoryview(block)
        count = min(len(view), len(self._rest))
        view[:count] = self._rest[:count]
        self._rest = self._rest[count:]
        return count
