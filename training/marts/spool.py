"""Columns that grow piece by piece on disk and are read back as if they lay in memory.

The operating system keeps the pages in memory that are used, and takes them back when
it needs the room: what is read need not fit into memory. The files lie in the folder
that `TMPDIR` names and have no names of their own: they go with the process. Columns
that stay small need no file.
"""

import tempfile

import numpy as np
import torch
from numpy.typing import ArrayLike, DTypeLike
from torch import Tensor

from models_py.ragged import Ragged
from training.errors import UserError

IN_MEMORY = 16 * 2**20  # bytes of a column that need no file


class Spool:
    """One column of numbers."""

    def __init__(self, dtype: DTypeLike = np.int64) -> None:
        self.dtype = np.dtype(dtype)
        self.size = 0
        self._file = tempfile.SpooledTemporaryFile(  # noqa: SIM115
            IN_MEMORY, prefix="moocmeta-"
        )

    def append(self, values: ArrayLike) -> None:
        """Put values behind those there are.

        Raises:
            UserError: the disk is full.
        """
        piece = np.ascontiguousarray(np.asarray(values), self.dtype)
        try:
            self._file.write(piece.data)
        except OSError as error:
            raise _no_room(error) from error
        self.size += len(piece)

    def tensor(self) -> Tensor:
        """All values; changes to them stay in memory."""
        if self.size * self.dtype.itemsize <= IN_MEMORY:
            self._file.seek(0)
            content = bytearray(self._file.read())
            return torch.from_numpy(np.frombuffer(content, self.dtype))
        self._file.flush()
        return torch.from_numpy(np.memmap(self._file, self.dtype, mode="c"))


class RaggedSpool:
    """Rows of whole numbers of any length."""

    def __init__(self) -> None:
        self._values, self._offsets = Spool(), Spool()
        self._offsets.append([0])

    def append(self, values: ArrayLike, lengths: ArrayLike) -> None:
        """Put rows behind those there are, given end to end."""
        ends = self._values.size + np.cumsum(np.asarray(lengths), dtype=np.int64)
        self._values.append(values)
        self._offsets.append(ends)

    def ragged(self) -> Ragged:
        """All rows."""
        return Ragged(self._values.tensor(), self._offsets.tensor())


def _no_room(error: OSError) -> UserError:
    return UserError(
        f"cannot write to {tempfile.gettempdir()}: {error.strerror}; "
        "free some space or set TMPDIR to a folder with more"
    )
