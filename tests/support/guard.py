"""Memory that ends where a page begins that must not be read."""

from __future__ import annotations

import ctypes
import mmap


class GuardedMemory:
    """Room for one message, right before a page whose reading would end the process.

    Parameters
    ----------
    size : the longest message, bytes.
    """

    def __init__(self, size: int) -> None:
        pages = -(-size // mmap.PAGESIZE)
        self._memory = mmap.mmap(-1, (pages + 1) * mmap.PAGESIZE)
        self._end = ctypes.addressof(ctypes.c_char.from_buffer(self._memory)) + pages * mmap.PAGESIZE
        forbidden = 0
        assert ctypes.CDLL(None, use_errno=True).mprotect(ctypes.c_void_p(self._end), mmap.PAGESIZE, forbidden) == 0

    def put(self, message: bytes) -> int:
        """Copy a message to the end, and return its address."""
        ctypes.memmove(self._end - len(message), message, len(message))
        return self._end - len(message)
