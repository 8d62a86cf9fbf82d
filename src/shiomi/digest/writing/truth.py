"""Ask the model whether the evidence supports a sentence or contradicts it.

One short question per sentence, with the five evidence sentences that support it best. The answer
is the difference of two log probabilities of the first token, so that no text is generated.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from shiomi.digest.writing.contradiction import best_sentences

__all__ = ["FEWEST_TOKENS", "LEAST", "is_contradicted", "log_odds", "question"]

LEAST = -0.5  # log odds of "support" against "contradict" below which a sentence falls
MOST_CHARACTERS = 900  # of evidence
FEWEST_TOKENS = 1  # of the answer
_SUPPORT, _CONTRADICT = "support", "contr"
_NEVER = -12.0  # log probability of a word that is not among the first tokens

_QUESTION = """Source:
{source}

Claim (in Japanese): {text}

Does the source support the claim, or does the claim contradict the source? \
Answer with one word: support or contradict."""


def question(text: str, texts: Sequence[str]) -> list[dict[str, str]]:
    """Return the messages of the question about a sentence and its cited texts."""
    source = " ".join(best_sentences(text, texts))[:MOST_CHARACTERS]
    return [
        {"role": "system", "content": "You check facts."},
        {"role": "user", "content": _QUESTION.format(source=source, text=text)},
    ]


def is_contradicted(first: Mapping[str, float]) -> bool:
    """Return whether the log probabilities of the first token say "contradict"."""
    odds = log_odds(first)
    return odds is not None and odds < LEAST


def log_odds(first: Mapping[str, float]) -> float | None:
    """Return the log odds of "support" against "contradict"; None if neither is among them."""
    found = {token.strip().casefold(): value for token, value in first.items()}
    against = max((v for t, v in found.items() if t.startswith(_CONTRADICT)), default=_NEVER)
    agreed = max((v for t, v in found.items() if t.startswith(_SUPPORT)), default=_NEVER)
    return None if agreed == against == _NEVER else agreed - against
