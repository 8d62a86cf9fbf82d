"""Read the header of a GGUF file. Every length is checked before it is used.

Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md, versions 2 and 3. The weights are
not read, and vocabularies are skipped. If a stated length goes beyond the end of the file, nothing
is allocated or read for it. The size of the whole header is limited.
"""

from __future__ import annotations

import csv
import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import BinaryIO

from shiomi.rig.errors import ModelFileError

__all__ = ["GgufHeader", "Tensor", "read_gguf_header"]

Value = bool | int | float | str | tuple[int, ...] | tuple[float, ...]

MAGIC = b"GGUF"
MAX_HEADER = 128 * 2**20  # bytes; the largest vocabularies take about 20 MiB
MAX_KEYS = 2**16
MAX_TENSORS = 2**16
MAX_NAME = 2**10  # bytes of a key or a tensor's name
MAX_TEXT = 2**14  # bytes of a value that is kept; longer values are skipped
MAX_KEPT = 2**12  # numbers of an array that is kept: one per layer
MAX_STRINGS = 2**21  # of all arrays
MAX_VALUES = 2**50  # of one tensor
STRING, ARRAY = 8, 9
SCALARS = {  # GGUF's value types
    0: "<B", 1: "<b", 2: "<H", 3: "<h", 4: "<I", 5: "<i", 6: "<f", 7: "<?",
    10: "<Q", 11: "<q", 12: "<d",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor as the header describes it."""

    name: str
    shape: tuple[int, ...]  # fastest dimension first, as in the file
    type: str  # "Q4_K", "F16"
    offset: int  # bytes from the start of the data

    @property
    def values(self) -> int:
        """Return how many numbers the tensor holds."""
        return math.prod(self.shape)

    @property
    def size(self) -> int:
        """Return the size in bytes; an incomplete last block counts as a full block."""
        _, values, size = ggml_types()[self.type]
        return -(-self.values // values) * size


@dataclass(frozen=True, slots=True)
class GgufHeader:
    """The header of a GGUF file. Long texts and long arrays are not kept."""

    path: Path
    version: int
    metadata: Mapping[str, Value]
    lengths: Mapping[str, int]  # of every array, kept or not
    tensors: tuple[Tensor, ...]


@cache
def ggml_types() -> dict[str, tuple[int, int, int]]:
    """Return the type number, the values per block and the bytes per block, by name."""
    text = resources.files(__package__).joinpath("data/ggml_types.csv").read_text("utf-8")
    return {
        row["name"]: (int(row["type"]), int(row["block_values"]), int(row["block_bytes"]))
        for row in csv.DictReader(text.splitlines())
    }


def read_gguf_header(path: Path | str) -> GgufHeader:
    """Return the header of a file.

    Raises ModelFileError if it is not GGUF, is damaged or truncated, or has impossible values.
    """
    path = Path(path)
    try:
        with path.open("rb") as file:
            size = path.stat().st_size
            return _Reader(file, path, size).header()
    except OSError as error:
        raise ModelFileError(f"{path} cannot be read: {error.strerror or error}") from error


class _Reader:
    """A cursor over an open file that never moves beyond the end."""

    def __init__(self, file: BinaryIO, path: Path, size: int) -> None:
        self.file = file
        self.path = path
        self.size = size
        self.strings = 0
        self.end = min(size, MAX_HEADER)

    def header(self) -> GgufHeader:
        magic = self.file.read(4)
        if magic != MAGIC:
            raise self.error(f"begins with {magic!r}, not with {MAGIC!r}, so it is not a GGUF file")
        version = self.number("<I")
        if version not in (2, 3):
            kind = "big-endian or broken" if version >= 2**16 else "not supported (2 and 3 are)"
            raise self.error(f"has GGUF version {version}, which is {kind}")
        tensor_count, key_count = self.number("<Q"), self.number("<Q")
        if tensor_count > MAX_TENSORS or key_count > MAX_KEYS:
            raise self.error(
                f"claims {tensor_count} tensors and {key_count} keys; "
                f"at most {MAX_TENSORS} and {MAX_KEYS} are accepted"
            )
        metadata: dict[str, Value] = {}
        lengths: dict[str, int] = {}
        for _ in range(key_count):
            self.key(metadata, lengths)
        tensors = tuple(self.tensor() for _ in range(tensor_count))
        self.check(tensors, metadata)
        return GgufHeader(self.path, version, metadata, lengths, tensors)

    def error(self, text: str) -> ModelFileError:
        return ModelFileError(f"{self.path} {text}")

    def need(self, count: int, what: str) -> None:
        """Raise if the header has fewer bytes left."""
        left = self.end - self.file.tell()
        if count > left:
            if self.end < self.size:
                raise self.error(f"has a header of more than {MAX_HEADER} bytes, at {what}")
            raise self.error(f"claims {count} bytes for {what} and has {left} left: cut short?")

    def number(self, form: str) -> int:
        return int(self.unpack(form, 1, "a number")[0])

    def unpack(self, form: str, count: int, what: str) -> tuple[int, ...] | tuple[float, ...]:
        width = struct.calcsize(form)
        self.need(count * width, what)
        return struct.unpack(f"<{count}{form[1:]}", self.file.read(count * width))

    def text(self, most: int, what: str) -> str | None:
        """Return a string, or None if it is longer than `most`; it is then skipped."""
        length = self.number("<Q")
        self.need(length, what)
        if length > most:
            self.file.seek(length, 1)
            return None
        return self.file.read(length).decode("utf-8", "replace")

    def name(self, what: str) -> str:
        name = self.text(MAX_NAME, what)
        if not name:
            raise self.error(f"has {what} that is empty or longer than {MAX_NAME} bytes")
        return name

    def key(self, metadata: dict[str, Value], lengths: dict[str, int]) -> None:
        key = self.name("a key")
        if key in metadata or key in lengths:
            raise self.error(f"has the key {key!r} twice")
        kind = self.number("<I")
        if kind == STRING:
            text = self.text(MAX_TEXT, key)
            if text is not None:
                metadata[key] = text
        elif kind == ARRAY:
            values = self.array(key)
            lengths[key] = values if isinstance(values, int) else len(values)
            if not isinstance(values, int):
                metadata[key] = values
        elif kind in SCALARS:
            metadata[key] = self.unpack(SCALARS[kind], 1, key)[0]
        else:
            raise self.error(f"gives {key!r} the value type {kind}, which GGUF does not have")

    def array(self, key: str) -> tuple[int, ...] | tuple[float, ...] | int:
        """Return the numbers of a short array; for a long array, only its length."""
        kind, length = self.number("<I"), self.number("<Q")
        if kind in SCALARS:
            width = struct.calcsize(SCALARS[kind])
            self.need(length * width, key)
            if length <= MAX_KEPT:
                return self.unpack(SCALARS[kind], length, key)
            self.file.seek(length * width, 1)
        elif kind == STRING:
            self.need(length * 8, key)  # each string has at least the 8 bytes of its length
            self.strings += length
            if self.strings > MAX_STRINGS:
                raise self.error(f"has more than {MAX_STRINGS} strings in arrays, at {key!r}")
            for _ in range(length):
                self.text(0, key)
        else:
            raise self.error(f"gives the array {key!r} the element type {kind}: not supported")
        return length

    def tensor(self) -> Tensor:
        name = self.name("a tensor's name")
        dimensions = self.number("<I")
        if not 1 <= dimensions <= 4:
            raise self.error(
                f"gives the tensor {name!r} {dimensions} dimensions; it must have 1 to 4"
            )
        shape = tuple(int(n) for n in self.unpack("<Q", dimensions, name))
        if min(shape) < 1 or math.prod(shape) > MAX_VALUES:
            raise self.error(f"gives the tensor {name!r} the impossible shape {shape}")
        number, offset = self.number("<I"), self.number("<Q")
        kind = next((k for k, row in ggml_types().items() if row[0] == number), None)
        if kind is None:
            raise self.error(f"gives the tensor {name!r} the type {number}, unknown here")
        return Tensor(name, shape, kind, offset)

    def check(self, tensors: tuple[Tensor, ...], metadata: Mapping[str, Value]) -> None:
        """Raise if the tensors do not fit into the rest of the file."""
        alignment = metadata.get("general.alignment", 32)
        if not isinstance(alignment, int) or alignment < 1 or alignment > 2**20:
            raise self.error(f"has the alignment {alignment!r}; 32 is usual")
        if len({t.name for t in tensors}) < len(tensors):
            raise self.error("gives two tensors the same name")
        data = max(0, self.size - -(-self.file.tell() // alignment) * alignment)
        total = sum(t.size for t in tensors)
        end = max((t.offset + t.size for t in tensors), default=0)
        if max(total, end) > data:
            raise self.error(
                f"describes {max(total, end)} bytes of tensors and holds {data}: cut short?"
            )
