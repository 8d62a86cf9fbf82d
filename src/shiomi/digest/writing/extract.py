"""Choose sentences of a source to quote: central sentences that differ from each other.

Centrality is LexRank (Erkan and Radev 2004): the stationary distribution of a random walk between
sentences, weighted by the tf-idf cosine of each pair. The quotations are chosen by maximal marginal
relevance (Carbonell and Goldstein 1998), so that they do not repeat each other. The code does not
use numpy, because stories have tens of sentences, not thousands.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from shiomi.digest.terms import normalized, stop_words
from shiomi.digest.writing.evidence import Item, ItemKind
from shiomi.digest.writing.sentences import is_japanese, is_quotable, sentences, shortened

__all__ = ["Quote", "extract", "is_chat", "states_fact", "tokens"]

MOST_SENTENCES = 120  # most sentences that are compared with each other, from all passages
PER_ITEM = 40
DAMPING = 0.85
RELEVANCE = 0.7  # weight of centrality in MMR; 0.3 is the weight of the difference from others
ROUNDS = 30

# Weight of a sentence by the kind of its item. The source's own words weigh more than comments.
_STANDING = {
    ItemKind.ABSTRACT: 1.25,
    ItemKind.ARTICLE: 1.15,
    ItemKind.POST: 1.2,
    ItemKind.COMMENT: 1.0,
}
# A sentence that begins with one of these words refers to an earlier sentence.
_POINTS_BACK = re.compile(
    r"^(?:it|this|that|these|those|they|he|she|but|and|so|or|then|however|therefore|also|which|such"
    r"|because|thus|instead|here|there|again|still|yet|well|lol|i mean"
    r"|just|sorry|plus|oh|more like|hoping|secondly|aka|yeah|regarding|except|either|maybe"
    r"|didn[’']t|since then|finally|at th(?:at|e) time|another"
    r"|それ|これ|また|しかし|そして|だから|なので)\b",
    re.IGNORECASE,
)
_CHAT = re.compile(  # moods, jokes and remarks on the discussion itself
    r"\b(?:lol|lulz|haha\w*|wow|dude|bro|freak|fuck\w*|shit\w*|bitch\w*|crap|damn|hell|jk|imho|tbh|op"
    r"|guys|cheers|popcorn|hype train|jok(?:e|ing)|memes?|bullshit|awesome|funny|localllama"
    r"|blown away|oh boy|grandma|curious|would be (?:nice|cool)|looking forward|waiting for|imagine"
    r"|shout ?out|well done|feel free|let (?:me|us) know|side note|replied"
    r"|full (?:article|post|story|write-?up)"
    r"|subreddit|this sub|(?:my|last|this|your) (?:last |previous )?(?:post|thread|comment)"
    r"|these (?:kinds of )?comments|waiter|aka)\b|!{2,}|\.{3}$|[\U0001f600-\U0001f64f🤣🤡💀🤔]"
    r"|\bI (?:hope|wish|love|hate|bet|can[’']t wait|am excited)\b|\b(?:above|below|here)\)$"
    r"|^\(|->|^love to\b|^edit(?:ed)?\b|^here(?: (?:is|are)|[’']s)\b"
    r"|^with the (?:rapid|recent|growing)\b|\bremarkable progress\b",
    re.IGNORECASE,
)
_LEADING = re.compile(r"^[\s\u2190-\u2bff\ufe0f\u200d\U0001f000-\U0001faff]+")  # ✅, 🔧
_PERSON = re.compile(r"\b(?:I|I[’']\w+|me|my|mine|you|your|yours|you[’']\w+)\b")
_FACT = re.compile(r"\d|(?<=\s)[A-Z][\w.+-]*[a-z0-9A-Z]|\w[A-Z]\w*|\w+\(\)")
_WORD = re.compile(r"[a-z0-9][a-z0-9.+#'’_-]*|[\u30a1-\u30fa\u30fc]{2,}|[\u3400-\u9fff]+")


@dataclass(frozen=True, slots=True)
class Quote:
    """A sentence, word for word as in the source."""

    text: str  # ends with "…" if the sentence is cut
    item: Item


def is_chat(sentence: str) -> bool:
    """Return whether an English sentence is a mood, a joke, or a remark on the discussion
    itself."""
    return bool(_CHAT.search(sentence))


def states_fact(sentence: str) -> bool:
    """Return whether a sentence has a number or name after its first word; True for Japanese."""
    return is_japanese(sentence) or bool(_FACT.search(sentence.partition(" ")[2]))


def tokens(text: str) -> list[str]:
    """Return the folded content words: Latin words without a plural s, sequences of katakana, and
    pairs of kanji."""
    stops = stop_words()
    found = []
    for word in _WORD.findall(normalized(text)):
        if word[0] >= "\u3400":
            found += [word[at : at + 2] for at in range(max(len(word) - 1, 1))]
        elif word[0] > "z":
            found.append(word)
        else:
            word = word.rstrip(".'’-_").replace("’", "'").removesuffix("'s")
            if len(word) > 1 and word not in stops:
                found.append(word[:-1] if len(word) > 3 and word[-1] == "s" != word[-2] else word)
    return found


def extract(
    items: Sequence[Item], *, most: int = 3, about: str = "", without: Collection[str] = ()
) -> list[Quote]:
    """Return the best quotations from the passages among `items`, at most `most`, word for word.

    Quotations from one passage keep their order. The passage with the best quotation comes first.
    `about` is the subject that the quotations should be about, usually the title. Texts in
    `without` are not chosen again. Deterministic: of equally good sentences the earlier one is
    chosen.
    """
    quotes = _candidates(items, without)
    if not quotes or most < 1:
        return []
    vectors = _vectors([*(quote.text for quote in quotes), about])
    subject = vectors.pop()
    alike = [[_cosine(one, other) for other in vectors] for one in vectors]
    centrality = _lexrank(alike)
    worth = [
        _worth(quote, rank, _cosine(vector, subject))
        for quote, rank, vector in zip(quotes, centrality, vectors, strict=True)
    ]
    chosen = [quotes[place] for place in _chosen(quotes, worth, alike, most)]
    passages = list(dict.fromkeys(quote.item for quote in chosen))
    return sorted(chosen, key=lambda quote: (passages.index(quote.item), _position(quote)))


def _position(quote: Quote) -> int:
    """Return the position of the quotation in its passage."""
    return quote.item.text.find(quote.text.removesuffix("…"))


def _candidates(items: Sequence[Item], without: Collection[str]) -> list[Quote]:
    """Return quotable sentences: the first of each passage, then the second of each, and so on."""
    rows = [
        [(item, sentence) for sentence in _quotable(item.text)]
        for item in items
        if item.kind is not ItemKind.TITLE
    ]
    quotes: dict[str, Quote] = {}
    for place in range(max(map(len, rows), default=0)):
        for row in rows:
            if place < len(row) and len(quotes) < MOST_SENTENCES:
                item, sentence = row[place]
                text = shortened(_LEADING.sub("", sentence))
                if text is not None and not is_chat(text) and not _repeats(text, without):
                    quotes.setdefault(text, Quote(text, item))
    return list(quotes.values())


def _repeats(text: str, others: Collection[str]) -> bool:
    """Return whether the text contains one of the others, or one of the others contains it."""
    bare = text.rstrip(".…")
    return any(bare in other or other.rstrip(".…") in text for other in others)


@lru_cache(maxsize=512)
def _quotable(text: str) -> tuple[str, ...]:
    return tuple(sentence for sentence in sentences(text)[:PER_ITEM] if is_quotable(sentence))


def _vectors(texts: Sequence[str]) -> list[dict[str, float]]:
    """Return tf-idf vectors of length 1; the idf is computed from these texts alone."""
    bags = [Counter(tokens(text)) for text in texts]
    frequency = Counter(token for bag in bags for token in bag)
    vectors = []
    for bag in bags:
        vector = {
            token: count * math.log(1 + len(bags) / frequency[token])
            for token, count in bag.items()
        }
        norm = math.sqrt(math.fsum(weight**2 for weight in vector.values())) or 1.0
        vectors.append({token: weight / norm for token, weight in vector.items()})
    return vectors


def _cosine(one: Mapping[str, float], other: Mapping[str, float]) -> float:
    if len(other) < len(one):
        one, other = other, one
    return math.fsum(weight * other[token] for token, weight in one.items() if token in other)


def _lexrank(alike: Sequence[Sequence[float]]) -> list[float]:
    """Return the continuous LexRank of each sentence, scaled so that the mean is 1."""
    size = len(alike)
    totals = [math.fsum(row) or 1.0 for row in alike]
    rank = [1.0] * size
    for _ in range(ROUNDS):
        shares = [value / total for value, total in zip(rank, totals, strict=True)]
        rank = [
            1 - DAMPING + DAMPING * math.fsum(a * s for a, s in zip(row, shares, strict=True))
            for row in alike
        ]
    return rank


def _worth(quote: Quote, centrality: float, on_subject: float) -> float:
    worth = _STANDING[quote.item.kind] * (centrality + on_subject)
    if quote.item.points is not None:
        worth *= 1 + 0.1 * min(math.log1p(max(quote.item.points, 0)), 6.0)
    if _POINTS_BACK.match(quote.text):
        worth *= 0.6
    if quote.text.endswith(("?", "？", "…", ":", "：")):
        worth *= 0.5
    if quote.text[0].islower():
        worth *= 0.8
    # a sentence with names or numbers is more informative
    worth *= 1 + 0.15 * min(len(_FACT.findall(quote.text)), 3)
    torn = quote.text.count("(") != quote.text.count(")")
    if torn or sum(map(quote.text.count, '"“”')) % 2:
        worth *= 0.4
    if _PERSON.search(quote.text):
        worth *= 0.75
    if quote.text[-1].isalnum():  # without a full stop: a heading or a part of a list
        worth *= 0.85
    words = len(quote.text.split())
    return worth * (0.8 if words > 40 or 6 <= words < 9 else 1.0)


def _chosen(
    quotes: Sequence[Quote], worth: Sequence[float], alike: Sequence[Sequence[float]], most: int
) -> list[int]:
    """Return the positions chosen by maximal marginal relevance.

    A sentence gets a lower score if another sentence of its passage, thread or kind is chosen.
    """
    top = max(worth)
    left = list(range(len(quotes)))
    chosen: list[int] = []
    while left and len(chosen) < most:
        best = max(
            left, key=lambda place: (_marginal(place, chosen, quotes, worth, alike, top), -place)
        )
        left.remove(best)
        if not chosen or max(alike[best][other] for other in chosen) < 0.6:
            chosen.append(best)
    return chosen


def _marginal(
    place: int,
    chosen: Sequence[int],
    quotes: Sequence[Quote],
    worth: Sequence[float],
    alike: Sequence[Sequence[float]],
    top: float,
) -> float:
    item = quotes[place].item
    held = [quotes[other].item for other in chosen]
    nearest = max((alike[place][other] for other in chosen), default=0.0)
    told = (
        0.2 * any(item.number == other.number for other in held)
        + 0.05 * any(item.uid == other.uid for other in held)
        + 0.1 * any(item.kind is other.kind for other in held)
    )
    return RELEVANCE * worth[place] / top - (1 - RELEVANCE) * nearest - told
