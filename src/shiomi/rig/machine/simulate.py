"""Read a machine from one line, as "RTX 3090 x2, 64 GB" or "64 GB DDR5-6000 2ch".

Commas separate the parts. A GPU is given by its exact name, with x2 or 2x for two. The system's
memory is given in GB (or as 2x16 GB). Its bandwidth is computed from its kind and channels, or
given directly, as in 80 GB/s. "RTX 3090 64 GB RAM" needs no comma, because RAM or DDR shows that
the system's memory is meant. An ambiguous name is an error that lists the GPUs.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from shiomi.rig.errors import AmbiguousPartError, MachineError, UnknownPartError
from shiomi.rig.machine.gpus import find_gpu, gpus_called
from shiomi.rig.machine.machine import Gpu, Machine
from shiomi.rig.message import reason

__all__ = ["simulated"]

_MOST_GPUS = 64
_LONGEST = 500
_MEMORY = re.compile(
    r"(?P<gb>\d{1,5}(?:\.\d+)?) ?(?:gb|gib)(?: ?(?:of )?(?:ram|memory|メモリー?))?"
    r"(?: (?P<kind>(?:lp)?ddr[2-6]x?)-?(?P<rate>\d{3,5})?)?"
    r"(?: ?(?P<channels>\d{1,2}) ?(?:ch|channels?))?",
)
_BESIDE = re.compile(
    r"(?P<gpu>.*\S)\s+(?:with |と)?(?P<memory>(?:\d+ ?x ?)?\d+(?:\.\d+)? ?gi?b"
    r"(?: of)? ?(?:ram|memory|メモリー?|(?:lp)?ddr).*)",
    re.IGNORECASE,
)
_BANDWIDTH = re.compile(r"(?P<rate>\d{1,5}(?:\.\d+)?) ?gb/s")
_COUNT = (
    re.compile(r"(?P<count>\d{1,4}) ?x (?P<name>.+)"),
    re.compile(r"(?P<name>.+) x ?(?P<count>\d{1,4})"),
    re.compile(r"(?P<name>.*(?:\d|gb|ti|super))x ?(?P<count>\d{1,4})"),  # RTX 5090x2, 16GBx2
    re.compile(r"(?P<count>\d{1,2}) ?x(?P<name>.+)"),  # 2x16 GB
)
_BETWEEN = re.compile(r"[,、;]|(?<!max)\+| and ", re.IGNORECASE)  # but "Ryzen AI Max+ 395"
_PRODUCT = re.compile(
    r"\b(apple |nvidia )?(mac ?studio|mac ?mini|macbook (pro|air)|mac pro|imac) *", re.IGNORECASE
)
_SIZE = re.compile(r"(\d{1,4}) ?(?:gb|gib)\b")
_NO_GPU = {"cpu", "cpu only", "no gpu", "none"}
_PROCESSOR = re.compile(
    r"\b(ryzen|threadripper|epyc|athlon|xeon|pentium|celeron|core (i?[3579]|ultra)|i[3579]-\d)"
)


def simulated(text: str) -> Machine:
    """Return the machine that `text` describes.

    Raises MachineError if a part is not understood, UnknownPartError or AmbiguousPartError for
    the name of a GPU.
    """
    if len(text) > _LONGEST:
        raise MachineError(f"a description of a machine must have at most {_LONGEST} characters")
    plain = unicodedata.normalize("NFKC", text).replace("×", "x")
    memory: float | None = None
    bandwidth: float | None = None
    names: list[tuple[str, int]] = []
    for item in _items(plain):
        name, count = _counted(item)
        if found := _MEMORY.fullmatch(name.casefold()):
            if memory is not None:
                raise MachineError(f"{text!r} states the system's memory twice")
            memory, bandwidth = _memory(found, bandwidth, count)
        elif found := _BANDWIDTH.fullmatch(item.casefold()):
            bandwidth = float(found["rate"])
        elif item.casefold() not in _NO_GPU:
            names.append((name, count))
    if memory is None and not names:
        raise MachineError(f"{text!r} names no part; an example is 'RTX 3090 x2, 64 GB'")
    gpus: list[Gpu] = []
    for name, count in names:
        gpus += [_gpu(name, memory)] * count
    if len(gpus) > _MOST_GPUS:
        raise MachineError(f"a machine can have at most {_MOST_GPUS} GPUs, got {len(gpus)}")
    return _machine(text.strip(), tuple(gpus), memory, bandwidth)


def _items(text: str) -> Iterator[str]:
    """Yield the parts of a description. A GPU and the memory after it are two parts."""
    for item in filter(None, (x.strip() for x in _BETWEEN.split(text))):
        beside = _BESIDE.fullmatch(item)
        yield from (beside["gpu"], beside["memory"]) if beside else (item,)


def _machine(
    name: str, gpus: tuple[Gpu, ...], memory: float | None, bandwidth: float | None
) -> Machine:
    shared = [gpu for gpu in gpus if gpu.unified]
    if shared and len({gpu.name for gpu in gpus}) > 1:
        raise MachineError(
            f"{shared[0].name} shares the system's memory, so it cannot be combined with other GPUs"
        )
    if shared:
        memory = max(memory or 0.0, sum(gpu.memory_gib for gpu in shared))
        bandwidth = bandwidth or shared[0].bandwidth_gb_s
    unknown = []
    if memory is None:
        unknown.append(reason("memory_not_given"))
    elif bandwidth is None:
        unknown.append(reason("bandwidth_not_given"))
    return Machine(
        name=name,
        gpus=gpus,
        memory_gib=memory,
        memory_bandwidth_gb_s=bandwidth,
        unknown=tuple(unknown),
    )


def _memory(
    found: re.Match[str], bandwidth: float | None, modules: int
) -> tuple[float, float | None]:
    gb = float(found["gb"]) * modules
    if not 0.5 <= gb <= 65_536:
        raise MachineError(f"memory must be 0.5 to 65536 GB, got {gb:g} GB")
    if found["rate"] and found["channels"]:
        rate, channels = int(found["rate"]), int(found["channels"])
        if not (200 <= rate <= 20_000 and 1 <= channels <= 24):
            raise MachineError(
                f"memory must have 1 to 24 channels of 200 to 20000 MT/s, got {channels} of {rate}"
            )
        bandwidth = channels * rate * 8 / 1000  # 64 bits wide each
    return gb, bandwidth


def _counted(item: str) -> tuple[str, int]:
    for pattern in _COUNT:
        if found := pattern.fullmatch(item.casefold()):
            count = int(found["count"])
            if not 1 <= count <= _MOST_GPUS:
                raise MachineError(
                    f"the number of {found['name']} must be 1 to {_MOST_GPUS}, got {count}"
                )
            return found["name"], count
    return item, 1


def _sold(name: str, bare: str, memory: float | None) -> Gpu | None:
    """Return the chip of a product that has one variant only, such as a Mac mini."""
    if name == bare:
        return None
    sized = name if memory is None or _SIZE.search(name.casefold()) else f"{name} {memory:g} GB"
    found = gpus_called(sized)
    return found[0] if len(found) == 1 else None


def _gpu(name: str, memory: float | None) -> Gpu:
    """Chips with shared memory are distinguished by the memory size."""
    bare = _PRODUCT.sub("", name)
    sold = _sold(name, bare, memory)
    if sold is not None:
        return sold
    name = bare
    try:
        return find_gpu(name)
    except UnknownPartError as error:
        if _SIZE.search(name.casefold()) and gpus_called(_SIZE.sub("", name.casefold())):
            raise UnknownPartError(f"{error}; write the system's memory as '64 GB RAM'") from error
        if not _PROCESSOR.search(name.casefold()):
            raise
        raise MachineError(
            f"{name!r} is a processor. Its speed is not estimated, so leave it out and give the "
            "memory, such as '64 GB DDR5-5600 2ch'"
        ) from error
    except AmbiguousPartError:
        named = _SIZE.search(name.casefold())
        size = float(named[1]) if named else memory
        sized = name if named else f"{name} {size or 0:g} GB"
        same = [x for x in gpus_called(sized) if x.unified and abs(x.memory_gib - (size or 0)) < 1]
        if not same or len({x.bandwidth_gb_s for x in same}) > 1:
            raise
    # If variants differ in cores only, take the fewest cores: the slowest at reading prompts.
    return min(same, key=lambda x: (x.fp16_tflops or 0.0, x.name))
