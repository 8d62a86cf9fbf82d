"""Score the quality of a model's answers. The score is from a dated table, or else from a rule.

`data/quality.csv` holds scores from 0 to 100 for chat, code and long documents, each with its
basis, date and source. The rule scores a model that is not listed by its capacity: the geometric
mean of all its parameters and of the parameters read per token. One year of progress counts as a
doubling of the capacity. The constants of the rule were chosen by comparing it with the table by
eye. The rule subtracts three points, because the model has no published score.

The index measures reasoning and work as an agent. At the same index, models below 32 B know fewer
facts than larger models (artificialanalysis.ai, sub-32b-open-weights, 2026-04-14). So `knowledge`
adds points for size in uses that need facts. One point per doubling is our judgement.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from shiomi.rig.errors import ModelFileError
from shiomi.rig.model.known_models import KnownModel
from shiomi.rig.model.quantisation import find_quantisation
from shiomi.rig.tables import cached, table_text

__all__ = [
    "QUALITY_DATE",
    "Quality",
    "doublings",
    "format_loss",
    "knowledge",
    "quality_table",
    "read_quality",
]

QUALITY_DATE = "2026-11-29"
COLUMNS = ("chat", "code", "long")
_FIRST_YEAR = 2023
_RULE = (34.4, 9.0, 4.0)  # (doublings, score, points per doubling)
_MOST = 50.0
_MOST_BYTES = 1_000_000
# (bits per weight, points): a format with at least so many bits costs these points. Points are 32
# times the divergence from the unquantised answers, as measured for MiniMax-M2.7 (0.025 at 4.9
# bits, 0.051 at 3.8, 0.064 at 3.5, 0.12 at 2.8; huggingface.co/Goldkoron/MiniMax-M2.7). The factor
# 32 is our judgement.
_LOSSES = ((8.0, 0.0), (6.0, 0.2), (5.2, 0.5), (4.5, 0.8), (4.1, 1.4), (3.4, 2.0), (2.9, 3.8))
_LARGEST_LOSS = 8.0
_NO_KNOWLEDGE = 30e9  # models with at most this many parameters get no points for knowledge
_MOST_KNOWLEDGE = 4.0


@dataclass(frozen=True, slots=True)
class Quality:
    """Scores by model name in lower case, then by column."""

    scores: Mapping[str, Mapping[str, float]]

    def score(self, known: KnownModel, column: str) -> tuple[float, bool]:
        """Return the score of a model, and whether it is in the table."""
        listed = self.scores.get(known.name.casefold())
        if listed is not None:
            return listed[column], True
        start, points, least = _RULE
        value = least + points * (doublings(known) - start)
        return min(_MOST, max(0.0, value)), False


def doublings(known: KnownModel) -> float:
    """Return the capacity of a model in doublings, plus one for each year since 2023."""
    model = known.model
    capacity = math.sqrt(float(model.parameters) * model.active_parameters)
    years = 0.0
    if known.released is not None:
        year, month = known.released.split("-")
        years = int(year) - _FIRST_YEAR + (int(month) - 1) / 12
    return math.log2(capacity) + years


def knowledge(known: KnownModel) -> float:
    """Return the points that a larger model gets for a use in which answers need facts."""
    doubled = math.log2(max(1.0, known.model.parameters / _NO_KNOWLEDGE))
    return min(_MOST_KNOWLEDGE, doubled)


def format_loss(quantisation: str) -> float:
    """Return the points that answers lose through a format of the weights."""
    bits = find_quantisation(quantisation).dense_bits
    return next((loss for least, loss in _LOSSES if bits >= least), _LARGEST_LOSS)


@cached
def quality_table() -> Quality:
    """Return the table as shipped or updated."""
    return _parse(table_text("quality.csv"), "quality.csv")


def read_quality(path: Path) -> Quality:
    """Return the user's own table. Raises ModelFileError if the file is not such a table."""
    try:
        with path.open("rb") as file:
            text = file.read(_MOST_BYTES).decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise ModelFileError(f"{path} cannot be read as UTF-8: {error}") from error
    return _parse(text, str(path))


def _parse(text: str, name: str) -> Quality:
    lines = [x for x in text.splitlines() if x and not x.startswith("#")]
    reader = csv.DictReader(lines)
    missing = {"model", *COLUMNS} - set(reader.fieldnames or ())
    if missing:
        raise ModelFileError(f"{name}: column {min(missing)!r} is missing from its first line")
    scores: dict[str, dict[str, float]] = {}
    for row in reader:
        scores[(row["model"] or "").casefold()] = {
            column: _score(row[column], row["model"], name) for column in COLUMNS
        }
    return Quality(scores)


def _score(text: str | None, model: str, name: str) -> float:
    try:
        value = float(text or "")
    except ValueError:
        value = math.nan
    if not 0 <= value <= 100:
        raise ModelFileError(f"{name}: the score of {model!r} must be 0 to 100, got {text!r}")
    return value
