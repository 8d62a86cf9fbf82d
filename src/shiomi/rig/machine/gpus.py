"""Find GPUs by exact name. A name that fits several GPUs is an error that lists them.

A name is split into words: "RTX4090 Laptop 16GB" becomes rtx, 4090, laptop and 16 GiB. Makers'
names are ignored, and every other word must match. So an RTX A1000 is not an A100, and a laptop's
RTX 4090 is not an RTX 4090.
"""

from __future__ import annotations

import csv
import difflib
import math
import re
import unicodedata
from collections.abc import Iterable

from shiomi.rig.errors import AmbiguousPartError, UnknownPartError
from shiomi.rig.machine.machine import Gpu, Vendor
from shiomi.rig.tables import cached, table_text

__all__ = ["find_gpu", "gpus_called", "known_gpus", "listed_gpu"]

_LONGEST_NAME = 200
_MOST_LISTED = 12
_MOST_NEAR = 3
_MAKERS = {"nvidia", "geforce", "amd", "radeon", "intel", "apple"}
_FILLERS = {"gpu", "graphics", "card", "accelerator", "corporation", "inc", "tm", "r", "with"}
_SAYS_NOTHING = _MAKERS | _FILLERS
_SERIES = {"rtx", "gtx", "gt", "rx", "tesla", "arc", "instinct"}  # "4090" alone is enough
_SAME_WORD = {"mobile": "laptop", "notebook": "laptop"}
_MEMORY = re.compile(r"(?<![\w.])(\d{1,4}(?:\.\d{1,2})?)\s*(?:gb|gib|g)\b")
_CORES = re.compile(r"\b(\d{1,3})[\s-]*cores?\b")
_GLUED = re.compile(r"\b(rtx|gtx|rx|gt)(?=[a-z]?\d)")
_SUFFIX = re.compile(r"\b(\d{3,4})(ti|super|xtx|xt|gre|d)(?=\b|super|laptop)")
_HYPHENS = dict.fromkeys(map(ord, "‐‑‒–—−"), "-")


def find_gpu(name: str) -> Gpu:
    """Return the one GPU that `name` means.

    Raises UnknownPartError, with the nearest names, if no GPU in data/gpus.csv has this name.
    Raises AmbiguousPartError, with the candidates, if several GPUs have this name: with different
    memory, form or generation.
    """
    words, memory = _words(name)
    if not words:
        raise UnknownPartError(
            f"{name[:_LONGEST_NAME]!r} does not name a GPU; give a name such as 'RTX 4090'"
        )
    index = _index()
    found = index.get(words, ())
    if not found:
        wider = [gpu for key, gpus in index.items() if words < key for gpu in gpus]
        if len({gpu.name for gpu in wider}) > 1:
            raise _ambiguous(name, wider)
        raise _unknown(name, wider)
    if memory is not None:
        fitting = tuple(gpu for gpu in found if _is_memory(gpu, memory))
        if not fitting:
            known = ", ".join(sorted({f"{gpu.name} ({gpu.memory_gib:g} GiB)" for gpu in found}))
            raise UnknownPartError(
                f"{name[:_LONGEST_NAME]!r}: no such GPU with {memory:g} GB; known: {known}"
            )
        found = fitting
    if len(found) > 1:
        raise _ambiguous(name, found)
    return found[0]


def listed_gpu(name: str) -> Gpu | None:
    """Return the one GPU that `name` means; None if it means none or several."""
    try:
        return find_gpu(name)
    except (UnknownPartError, AmbiguousPartError):
        return None


def gpus_called(name: str) -> tuple[Gpu, ...]:
    """Return the GPUs with exactly this name, of each memory size that the name allows."""
    words, memory = _words(name)
    found = _index().get(words, ()) if words else ()
    fitting = tuple(gpu for gpu in found if memory is not None and _is_memory(gpu, memory))
    return fitting or found


@cached
def known_gpus() -> tuple[Gpu, ...]:
    """Return every GPU of data/gpus.csv, one per memory size."""
    table = table_text("gpus.csv")
    return tuple(gpu for row in csv.DictReader(table.splitlines()) for gpu, _ in _gpus_of(row))


def _gpus_of(row: dict[str, str]) -> Iterable[tuple[Gpu, list[str]]]:
    """Yield the GPUs of a row, each with all its names."""
    sizes = row["memory_gib"].split("|")
    names = [row["name"], *(row["aliases"].split("|") if row["aliases"] else ())]
    for size in sizes:
        suffix = f" {size} GB" if len(sizes) > 1 else ""
        gpu = Gpu(
            name=row["name"] + suffix,
            vendor=Vendor(row["vendor"]),
            architecture=row["architecture"],
            memory_gib=float(size),
            bandwidth_gb_s=float(row["bandwidth_gb_s"]),
            fp16_tflops=float(row["fp16_tflops"]) if row["fp16_tflops"] else None,
            tdp_w=float(row["tdp_w"]) if row["tdp_w"] else None,
            unified=row["unified"] == "yes",
            source=row["source"],
        )
        yield gpu, names


@cached
def _index() -> dict[frozenset[str], tuple[Gpu, ...]]:
    """Return a table from the words of each name to the GPUs with that name."""
    table = table_text("gpus.csv")
    index: dict[frozenset[str], dict[str, Gpu]] = {}
    for row in csv.DictReader(table.splitlines()):
        for gpu, names in _gpus_of(row):
            for name in names:
                words, _ = _words(name)
                # A chip name without the number of cores fits every variant, so it is ambiguous.
                without_cores = frozenset(w for w in words if not w.endswith("core"))
                for key in {words, words - _SERIES, without_cores}:
                    index.setdefault(key, {})[gpu.name] = gpu
    return {key: tuple(gpus.values()) for key, gpus in index.items()}


def _words(name: str) -> tuple[frozenset[str], float | None]:
    """Split a name into its distinguishing words and the memory in GB that it states."""
    text = unicodedata.normalize("NFKC", name[:_LONGEST_NAME]).translate(_HYPHENS).casefold()
    text = re.sub(r"\((?:tm|r)\)", " ", text)
    sizes = [float(size) for size in _MEMORY.findall(text)]
    text = _CORES.sub(r" \1core ", _MEMORY.sub(" ", text))
    text = _SUFFIX.sub(r"\1 \2 ", _GLUED.sub(r"\1 ", text))
    words = (_SAME_WORD.get(word, word) for word in re.findall(r"[a-z0-9+]+(?:\.\d+)?", text))
    return frozenset(w for w in words if w not in _SAYS_NOTHING), sizes[0] if sizes else None


def _is_memory(gpu: Gpu, size: float) -> bool:
    """Return whether `size` is the GPU's memory in GiB or, as for an H200, in decimal GB."""
    return math.isclose(gpu.memory_gib, size, abs_tol=0.6) or math.isclose(
        gpu.memory_gib * 2**30 / 1e9, size, abs_tol=0.6
    )


def _ambiguous(name: str, gpus: Iterable[Gpu]) -> AmbiguousPartError:
    names = sorted({gpu.name for gpu in gpus})
    listed = "; ".join(names[:_MOST_LISTED])
    more = f" and {len(names) - _MOST_LISTED} more" if len(names) > _MOST_LISTED else ""
    return AmbiguousPartError(
        f"{name[:_LONGEST_NAME]!r} could be any of: {listed}{more}. Name one of them"
    )


def _unknown(name: str, near: Iterable[Gpu]) -> UnknownPartError:
    close = [gpu.name for gpu in near] or _nearest(name[:_LONGEST_NAME])
    hint = f"; the nearest known: {', '.join(close)}" if close else ""
    return UnknownPartError(f"{name[:_LONGEST_NAME]!r} is not a known GPU{hint}")


def _nearest(name: str) -> list[str]:
    """Suggest at most three names with all words of `name`, or with similar spelling."""
    words, _ = _words(name)
    within = [key for key in _index() if key <= words and not key <= _SERIES]
    if within:
        most = max(map(len, within))
        listed = dict.fromkeys(g.name for key in within if len(key) == most for g in _index()[key])
        return list(listed)[:_MOST_NEAR]
    plain = {_plain(gpu.name): gpu.name for gpu in known_gpus()}
    return [plain[x] for x in difflib.get_close_matches(_plain(name), plain, n=_MOST_NEAR)]


def _plain(name: str) -> str:
    """Remove makers' names, as they would make all GPUs of one maker look similar."""
    return " ".join(x for x in name.casefold().split() if x not in _SAYS_NOTHING)
