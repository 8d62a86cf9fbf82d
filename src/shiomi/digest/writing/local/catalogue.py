"""The models that `shiomi writer install` offers, and how fast each would write on a machine."""

from __future__ import annotations

import csv
import time
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources

from shiomi.digest.errors import WriterError
from shiomi.digest.writing.translated import REQUESTS, translates
from shiomi.rig.errors import RigError
from shiomi.rig.estimate.memory import weights_gib
from shiomi.rig.estimate.quantity import Estimate
from shiomi.rig.estimate.writer import Work, Writer, pick_writer
from shiomi.rig.machine.machine import GIB, Machine
from shiomi.rig.model.known_models import KnownModel, find_model, known_models

__all__ = ["Offer", "Rated", "find_offer", "measured", "offers", "rate"]

ANY_TIME = 1e8  # seconds
SENTENCE = (40, 40)  # tokens of a sentence, and of its translation; instructions are cached
COPIED, COPIES = 64 * 2**20, 5  # bytes that are copied; number of copies


@dataclass(frozen=True, slots=True)
class Offer:
    """A model file of the hub that `shiomi writer install` can download."""

    known: KnownModel
    quantisation: str
    repository: str
    revision: str  # a commit, or "main"
    file: str
    bytes: int  # approximate, unless `exact`
    exact: bool
    sha256: str  # "": unknown before the download
    source: str  # the source of the hash

    @property
    def name(self) -> str:
        """The model's name."""
        return self.known.name


@dataclass(frozen=True, slots=True)
class Rated:
    """The expected performance of an offer on a machine."""

    offer: Offer
    speed: Estimate | None  # tokens per second; None if the model is too large or this is unknown
    seconds: Estimate | None  # time for a digest

    def done_in(self, seconds: float) -> bool:
        """Return whether a digest takes at most this time, even at the lowest estimated speed."""
        return self.seconds is not None and self.seconds.high <= seconds


@cache
def offers() -> tuple[Offer, ...]:
    """Return the catalogue, with the smallest model first."""
    text = resources.files(__package__).joinpath("models.csv").read_text("utf-8")
    known = known_models()
    found = []
    for row in csv.DictReader(line for line in text.splitlines() if not line.startswith("#")):
        one = find_model(row["model"], known)
        one = replace(one, quantisations=(row["quantisation"],))
        size = int(row["bytes"] or weights_gib(one.model, row["quantisation"]).value * GIB)
        found.append(
            Offer(
                one, row["quantisation"], row["repository"], row["revision"], row["file"],
                size, bool(row["bytes"]), row["sha256"], row["source"],
            )
        )  # fmt: skip
    return tuple(sorted(found, key=lambda offer: offer.bytes))


def find_offer(name: str) -> Offer:
    """Return the offer whose model or file has this name. Raises WriterError."""
    for offer in offers():
        if name.casefold() in (offer.name.casefold(), offer.file.casefold()):
            return offer
    known = ", ".join(offer.name for offer in offers())
    raise WriterError(f"--model {name[:80]!r} is not in the catalogue; known: {known}")


def measured(machine: Machine) -> Machine:
    """Return the machine with its memory bandwidth, which is measured by copying if it is unknown.

    One thread rarely uses the whole bandwidth, so the measured figure is a lower bound.
    """
    if machine.memory_bandwidth_gb_s or machine.gpus:
        return machine
    source, target = bytearray(COPIED), memoryview(bytearray(COPIED))
    fastest = ANY_TIME
    for _ in range(COPIES):
        began = time.process_time()  # CPU time, so that other programs do not count
        target[:] = source
        fastest = min(fastest, time.process_time() - began)
    return replace(machine, memory_bandwidth_gb_s=2 * COPIED / fastest / 1e9)  # read and written


def rate(machine: Machine, language: str, topics: int) -> list[Rated]:
    """Return every offer that writes `language`: those that run on `machine` first, best first."""
    able = {offer.name: offer for offer in offers() if language in offer.known.languages}
    if not able:
        raise WriterError(f"no model of the catalogue is known to write {language!r}")
    running: list[Writer] = []
    for small, work in ((False, Work(topics)), (True, Work(topics * REQUESTS, *SENTENCE))):
        models = [offer.known for offer in able.values()
                  if translates(offer.known.model.parameters, language) == small]  # fmt: skip
        with suppress(RigError):  # none of these models runs on the machine
            running += pick_writer(machine, language, ANY_TIME, models=models, work=work)
    rated = [Rated(able.pop(one.name), one.runs.decode, one.seconds) for one in running]
    return rated + [Rated(offer, None, None) for offer in able.values()]
