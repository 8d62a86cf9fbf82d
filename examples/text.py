"""Train a text encoder from 7,000 thread titles, and search the same story with it.

    python examples/text.py

For a new kind of data, LeJEPA needs an encoder and a function that makes views. Here the encoder
is a table of hashed words and letter n-grams, and a view is the title without some of its words.
The titles come from the demo's data. The test uses threads of Lobsters and r/programming whose
page was also posted on Hacker News under another title, and measures the rank of that title among
all titles of Hacker News. Training never sees the pairs. Titles of the same story usually share
their rare words, so word counts are a strong baseline with only 7,000 titles.
"""

from __future__ import annotations

import argparse
import gzip
import json
import math
import zlib
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor, nn

from shiomi.digest.linking.canonical_url import canonical_url
from shiomi.digest.linking.title import normal_title
from shiomi.lejepa import Trainer, Training
from shiomi.lejepa.encoders import Network
from shiomi.sample import sample_files

BUCKETS, LONGEST, WIDTH, VIEWS = 1 << 15, 160, 128, 4


@lru_cache(maxsize=1 << 16)
def pieces(word: str) -> list[int]:
    """A word as hashed pieces: itself and its runs of three and four letters."""
    marked = f"<{word}>"
    grams = [marked[i : i + n] for n in (3, 4) for i in range(len(marked) - n + 1)]
    return [1 + zlib.crc32(piece.encode()) % (BUCKETS - 1) for piece in (word, *grams)]


def rows(titles: Sequence[Sequence[str]]) -> Tensor:
    """Titles of words as (N, LONGEST) pieces, padded with 0."""
    made = torch.zeros(len(titles), LONGEST, dtype=torch.int64)
    for row, words in enumerate(titles):
        found = [piece for word in words for piece in pieces(word)][:LONGEST]
        made[row, : len(found)] = torch.tensor(found)
    return made


class TitleEncoder(nn.Module):
    """The mean of the pieces' vectors."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.EmbeddingBag(BUCKETS, WIDTH, mode="sum", padding_idx=0)

    def forward(self, pieces: Tensor) -> Tensor:
        """Encode word pieces, shape (N, LONGEST), as embeddings, shape (N, WIDTH)."""
        summed: Tensor = self.table(pieces)
        return summed / (pieces > 0).sum(1, keepdim=True).clamp(min=1).sqrt()


def train(titles: list[list[str]], steps: int) -> nn.Module:
    """Train an encoder on titles alone."""

    def prepare(numbers: Sequence[int], _step: int) -> list[list[str]]:
        return [titles[number] for number in numbers]

    def views(batch: list[list[str]], _numbers: Sequence[int], step: int) -> list[Tensor]:
        draw = np.random.default_rng(step)
        made = [[w for w in words if draw.random() < 0.6] for _ in range(VIEWS) for words in batch]
        return [rows(made)]

    network = Network(TitleEncoder(), nn.Identity())  # a table needs no projector behind it
    training = Training(steps=steps, batch_size=256, lr=2e-2, weight_decay=0.0)
    Trainer(network, prepare, views, count=len(titles), training=training, global_views=VIEWS).run()
    return network.encoder


def bag(titles: list[list[str]], weight: dict[str, float]) -> Tensor:
    """Hashed bags of words (N, BUCKETS), each word with its weight, or 1."""
    made = torch.zeros(len(titles), BUCKETS)
    for row, words in enumerate(titles):
        for word in words:
            made[row, pieces(word)[0]] += weight.get(word, 1.0)
    return made


def judge(name: str, queries: Tensor, candidates: Tensor, gold: list[set[int]]) -> None:
    """Print the rank of the best gold candidate by cosine, over all queries."""
    similar = nn.functional.normalize(queries, dim=1) @ nn.functional.normalize(candidates, dim=1).T
    best = [row[list(right)].max() for row, right in zip(similar, gold, strict=True)]
    place = 1 + (similar > torch.stack(best)[:, None]).sum(1)
    first = (place == 1).double().mean()
    print(f"{name:<20}at rank 1 {first:6.1%}   mean of 1/rank {(1 / place).mean():.3f}")


def main() -> None:
    """Train, and print figures before and after."""
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--steps", type=int, default=150)
    steps = options.parse_args().steps
    torch.manual_seed(0)
    threads = [
        json.loads(line)
        for file in sample_files()
        for line in gzip.decompress(file.read_bytes()).splitlines()
    ]
    titles = [normal_title(thread["title"]).split() for thread in threads]
    keys = [canonical_url(thread["url"]) if thread["url"] else None for thread in threads]
    news = [i for i, thread in enumerate(threads) if thread["community"] == "hackernews"]
    places: dict[str | None, set[int]] = {}
    for place, i in enumerate(news):
        places.setdefault(keys[i], set()).add(place)
    places.pop(None, None)  # text posts have no page
    asked = [
        i
        for i in set(range(len(threads))) - set(news)
        if keys[i] in places and all(titles[news[p]] != titles[i] for p in places[keys[i]])
    ]
    gold = [places[keys[i]] for i in asked]
    print(f"{len(threads):,} titles; {len(asked)} of other communities are on Hacker News under")
    print(f"another title, to be found among {len(news):,}")
    count = Counter(word for words in titles for word in set(words))
    rarity = {word: math.log(len(titles) / seen) for word, seen in count.items()}
    queries, candidates = [titles[i] for i in asked], [titles[i] for i in news]
    judge("bag of words", bag(queries, {}), bag(candidates, {}), gold)
    judge("TF-IDF", bag(queries, rarity), bag(candidates, rarity), gold)
    shown = rows(queries), rows(candidates)
    for name, encoder in (("untrained", TitleEncoder()), ("LeJEPA", train(titles, steps))):
        with torch.no_grad():
            x, y = (encoder.eval()(titles) for titles in shown)
        judge(f"encoder, {name}", x, y, gold)


if __name__ == "__main__":
    main()
