"""Broken and hostile GGUF files are refused by name, quickly, and within bounded memory."""

from __future__ import annotations

import contextlib
import struct
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shiomi.rig.errors import ModelFileError
from shiomi.rig.model import gguf_header
from shiomi.rig.model.gguf_header import read_gguf_header
from shiomi.rig.model.gguf_model import read_gguf
from tests.rig.gguf_files import BLOCKS, attention, feed_forward, llama, outer, write_gguf


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value.encode())) + value.encode()


def key(name: str, kind: int, value: bytes) -> bytes:
    return text(name) + struct.pack("<I", kind) + value


def header(*keys: bytes, tensors: tuple[bytes, ...] = (), version: int = 3) -> bytes:
    counts = struct.pack("<IQQ", version, len(tensors), len(keys))
    return b"GGUF" + counts + b"".join(keys) + b"".join(tensors)


def tensor(name: str, shape: tuple[int, ...], kind: int = 1, offset: int = 0) -> bytes:
    dimensions = struct.pack(f"<I{len(shape)}Q", len(shape), *shape)
    return text(name) + dimensions + struct.pack("<IQ", kind, offset)


HUGE = 2**62
HOSTILE = {
    "empty": (b"", "not a GGUF file"),
    "another format": (b"PK\x03\x04" + bytes(100), "not a GGUF file"),
    "only a magic": (b"GGUF", "cut short"),
    "version 1": (header(version=1), "version 1"),
    "big-endian": (b"GGUF" + struct.pack(">IQQ", 3, 0, 0), "big-endian"),
    "10^18 tensors": (b"GGUF" + struct.pack("<IQQ", 3, 10**18, 0), "tensors"),
    "10^18 keys": (b"GGUF" + struct.pack("<IQQ", 3, 0, 10**18), "keys"),
    "a key longer than the file": (header(struct.pack("<Q", HUGE)), "cut short"),
    "a text longer than the file": (header(key("a", 8, struct.pack("<Q", HUGE))), "cut short"),
    "an array longer than the file": (
        header(key("a", 9, struct.pack("<IQ", 6, HUGE))),
        "cut short",
    ),
    "texts without end": (header(key("a", 9, struct.pack("<IQ", 8, HUGE))), "cut short"),
    "arrays of arrays": (header(key("a", 9, struct.pack("<IQ", 9, 1))), "not supported"),
    "an unknown type": (header(key("a", 77, b"")), "type 77"),
    "a key twice": (header(key("a", 0, b"1"), key("a", 0, b"2")), "twice"),
    "no name": (header(key("", 0, b"1")), "empty"),
    "no dimension": (header(tensors=(tensor("t", ()),)), "0 dimensions"),
    "many dimensions": (header(tensors=(tensor("t", (1,) * 9),)), "9 dimensions"),
    "a width of 0": (header(tensors=(tensor("t", (0, 4)),)), "impossible shape"),
    "a product beyond 64 bits": (
        header(tensors=(tensor("t", (2**40, 2**40)),)),
        "impossible shape",
    ),
    "an unknown format": (header(tensors=(tensor("t", (4,), kind=99),)), "type 99"),
    "a tensor beyond the file": (header(tensors=(tensor("t", (2**20,)),)), "cut short"),
    "an offset beyond the file": (header(tensors=(tensor("t", (4,), 1, HUGE),)), "cut short"),
    "an alignment of 0": (
        header(key("general.alignment", 4, bytes(4)), tensors=(tensor("t", (4,)),)),
        "alignment 0",
    ),
    "two tensors alike": (header(tensors=(tensor("t", (1,)), tensor("t", (1,)))), "same name"),
}


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_file_is_refused_with_its_name_and_reason(case: str, tmp_path: Path) -> None:
    data, reason = HOSTILE[case]
    path = tmp_path / "hostile.gguf"
    path.write_bytes(data)
    with pytest.raises(ModelFileError, match=r"hostile\.gguf") as error:
        read_gguf(path)
    assert reason in str(error.value)


def test_a_file_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="No such file"):
        read_gguf(tmp_path / "none.gguf")
    with pytest.raises(ModelFileError, match="cannot be read"):
        read_gguf(tmp_path)


@pytest.mark.slow
@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(at=st.floats(0, 1, exclude_max=True))
def test_a_file_cut_anywhere_is_refused(at: float, tmp_path: Path) -> None:
    whole = llama(tmp_path / "whole.gguf", tokens=20).read_bytes()
    cut = tmp_path / "cut.gguf"
    cut.write_bytes(whole[: int(at * (len(whole) - 32))])
    with pytest.raises(ModelFileError):
        read_gguf(cut)


@pytest.mark.slow
@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_file_with_any_bytes_changed_is_read_or_refused(
    data: st.DataObject, tmp_path: Path
) -> None:
    whole = bytearray(llama(tmp_path / "whole.gguf", tokens=20).read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, 1500))] = data.draw(st.integers(0, 255))
    path = tmp_path / "changed.gguf"
    path.write_bytes(whole)
    with contextlib.suppress(ModelFileError):
        assert read_gguf(path).parameters >= 0


@pytest.mark.parametrize(
    "claims",
    [
        {"block_count": 10**9},
        {"block_count": 0},
        {"block_count": 3},
        {"embedding_length": 2**31},
        {"attention.head_count": 2**31},
        {"attention.head_count_kv": [2]},
        {"nextn_predict_layers": 2},
        {"nextn_predict_layers": 2**31},
    ],
    ids=str,
)
def test_claims_that_cannot_be_are_refused(claims: dict[str, int], tmp_path: Path) -> None:
    tensors = outer(64, 100)
    for layer in range(2):
        tensors |= attention(layer, 64, 32) | feed_forward(layer, 64, 128)
    path = write_gguf(tmp_path / "m.gguf", "llama", {**BLOCKS, **claims}, tensors)
    with pytest.raises(ModelFileError, match=r"m\.gguf"):
        read_gguf(path)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda p: write_gguf(p, "clip", {"block_count": 2}, {"v.weight": (2, 2)}), "token_embd"),
        (lambda p: write_gguf(p, "llama", {}, outer(64, 100)), "block_count"),
    ],
    ids=["no language model", "no number of layers"],
)
def test_what_is_no_language_model_is_refused(
    make: Callable[[Path], Path], reason: str, tmp_path: Path
) -> None:
    with pytest.raises(ModelFileError, match=reason):
        read_gguf(make(tmp_path / "m.gguf"))


@pytest.mark.slow
def test_a_vocabulary_is_walked_over_and_not_kept(tmp_path: Path) -> None:
    path = llama(tmp_path / "words.gguf", tokens=100_000)
    tracemalloc.start()
    try:
        read_gguf_header(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2**20


def test_a_text_of_a_gigabyte_takes_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "long.gguf"
    path.write_bytes(header(key("a", 8, struct.pack("<Q", 2**30))))
    with path.open("r+b") as file:
        file.truncate(2**30 + 4096)  # sparse
    tracemalloc.start()
    try:
        with pytest.raises(ModelFileError, match="header of more than"):
            read_gguf(path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2**20


def test_strings_without_number_are_refused_before_they_are_walked(tmp_path: Path) -> None:
    path = tmp_path / "strings.gguf"
    many = gguf_header.MAX_STRINGS + 1
    path.write_bytes(header(key("a", 9, struct.pack("<IQ", 8, many))) + bytes(8 * many))
    with pytest.raises(ModelFileError, match="strings in arrays"):
        read_gguf(path)
