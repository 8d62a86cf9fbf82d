"""Train two parts of src/shiomi/digest/linking/model.npz: the encoder and the odds of one page.

Then run `python tools/digest/train_judge.py --base .cache/linker.npz`, which writes model.npz.

    pip install torch==2.13.0 pyarrow
    python tools/digest/train_linker.py [--out model.npz] [--train-only] [--keep FOLDER]

The script reads threads.parquet of SHIOMI_DATA (default ../shared/data), but only threads created
before 2020-06-24. So it does not read the test threads, which are the queries of 2020-07..10 and
all threads within a week of these queries. Structure, features and thresholds were chosen on the
window 2019-08..2020-06, after training with `--train-only` (threads before 2019-07-24). Then the
weights were fitted to both periods, because the years before 2019-08 have no r/programming thread.
Everything is seeded. `--keep` stores the trained encoders, for runs that were interrupted or that
change only the judge.

1. Encoder. Words and character 3- and 4-grams are hashed into two tables of 32,768 rows with 64
   dimensions. The vector of a title is the sum of its rows. The encoder is trained to place two
   tellings of one story nearer to each other than to all other titles of the same weeks (InfoNCE in
   batches of neighbours in time). Two tellings are two titles of one canonical URL, or a title and
   the words of its URL's path.
2. Judge. The judge consists of multilayer perceptrons over the features of pairs (features.py). It
   is trained on pairs of a Lobsters or r/programming thread with each Hacker News thread within 7
   days. A pair is one story if both have one canonical URL. Pairs with equal titles and different
   URLs are left out. The judge learns from the first and the last third of the years. For each of
   these thirds, the encoder and the word frequencies come from the other two thirds. There are two
   reasons: cosines of pairs on which an encoder was trained are too high, and later, when the model
   is used, new stories have words that are not in the frequencies.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

import numpy as np
import pyarrow.parquet as pq
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional as f

from shiomi.digest.linking.candidates import NearTitles
from shiomi.digest.linking.encoder import Encoder
from shiomi.digest.linking.features import FEATURES, pair_features
from shiomi.digest.linking.model import FORMAT
from shiomi.digest.linking.title import ngram_hashes, normal_title, word_hash

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("SHIOMI_DATA", ROOT.parent / "shared" / "data"))
LABELS = ROOT / "benchmarks/digest/data/same_story.jsonl"
SHIPPED = ROOT / "src/shiomi/digest/linking/model.npz"

END = 1_592_956_800  # 2020-06-24: a week before the first query of the test window
TRAIN_ONLY_END = 1_563_926_400  # 2019-07-24: a week before the first thread of the dev window
BEGIN = 1_454_716_800  # 2016-02-06: a week after the first Hacker News thread
QUERIES = ("lobsters", "r/programming")  # communities whose threads are compared with Hacker News
WEEK = 7 * 86400
BUCKETS = 1 << 15
DIMENSIONS = 64
FREQUENCIES = 1 << 16
BATCH = 512
JUDGES = 3

Ids = NDArray[np.int64]


@dataclass(frozen=True)
class Row:
    """A thread of the training period."""

    community: str
    time: int
    title: str
    url: str
    page: str  # canonical URL; "" without one


@dataclass(frozen=True)
class Telling:
    """Two texts of one story."""

    a: str
    b: str
    time: int
    repeat: int = 1


def read_rows(end: int) -> list[Row]:
    """Return threads created before `end`, oldest first, without the weeks of the test labels."""
    labels = [json.loads(line) for line in LABELS.read_text(encoding="utf-8").splitlines()]
    untouched = sorted({row["week"] for row in labels if row["half"] == "test"})
    table = pq.read_table(
        DATA / "digest/threads.parquet", columns=["uid", "community", "t", "title", "url", "canon"]
    ).to_pylist()
    rows = [
        (
            r["t"],
            r["uid"],
            Row(r["community"], r["t"], r["title"], r["url"] or "", r["canon"] or ""),
        )
        for r in table
        if r["t"] < end
        and r["title"]
        and not any(week <= r["t"] < week + WEEK for week in untouched)
    ]
    return [row for _, _, row in sorted(rows, key=lambda one: one[:2])]


def tellings(rows: Sequence[Row], rng: random.Random) -> list[Telling]:
    """Return pairs of two titles of one page, and pairs of a title and the words of its URL. Some
    pairs with similar texts are left out.
    """
    pages: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if "/" in row.page:  # the topic of a home page changes every month
            pages[row.page].append(row)
    found = []
    for group in pages.values():
        if len(group) > 6:
            continue
        for i, one in enumerate(group):
            for other in group[i + 1 :]:
                different = normal_title(one.title) != normal_title(other.title)
                if different and other.time - one.time < 400 * 86400:
                    found.append(Telling(one.title, other.title, one.time, repeat=5))
    for row in rows:
        slug = url_words(row.url)
        if slug and (0.1 < jaccard(row.title, slug) < 0.7 or rng.random() < 0.15):
            found.append(Telling(row.title, slug, row.time))
    return sorted((t for t in found for _ in range(t.repeat)), key=lambda t: (t.time, t.a, t.b))


def url_words(url: str) -> str:
    """Return the words of the longest path segment of the URL; "" if there are too few words."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    segments = [unquote(s) for s in parts.path.split("/") if s]
    if not segments:
        return ""
    if parts.hostname == "github.com":
        return " ".join(re.findall(r"[A-Za-z]+|\d+", " ".join(segments[:2])))
    best = max(segments, key=lambda s: len(re.findall(r"[A-Za-z]{2,}", s)))
    best = re.sub(r"\.(?:html?|php|aspx?|md|pdf)$", "", best)
    found = [
        w
        for w in re.findall(r"[A-Za-z]+|\d+(?:\.\d+)*", best)
        if len(w) <= 8 or not re.search(r"\d", w)
    ]
    return " ".join(found) if sum(len(w) > 1 and w.isalpha() for w in found) >= 3 else ""


def jaccard(a: str, b: str) -> float:
    one, other = set(normal_title(a).split()), set(normal_title(b).split())
    return len(one & other) / max(1, len(one | other))


def bag_ids(texts: Sequence[str]) -> list[Ids]:
    """Return, for each text, the numbers of the table rows whose sum is the text's vector."""
    split = [normal_title(text).split() for text in texts]
    known: dict[str, Ids] = {}
    new = sorted({word for row in split for word in row})
    grams, owner = ngram_hashes(new)
    order = np.argsort(owner, kind="stable")
    grams, bounds = grams[order], np.searchsorted(owner[order], np.arange(len(new) + 1))
    for i, word in enumerate(new):
        own = grams[bounds[i] : bounds[i + 1]].astype(np.int64) % BUCKETS + BUCKETS
        known[word] = np.concatenate([[word_hash(word) % BUCKETS], own])
    return [
        np.concatenate([known[word] for word in row]) if row else np.zeros(1, np.int64)
        for row in split
    ]


class Bags(nn.Module):
    """The encoder while it is trained: a table, a gain for each row, a temperature."""

    def __init__(self, counts: NDArray[np.float64], texts: int) -> None:
        super().__init__()
        self.table = nn.EmbeddingBag(2 * BUCKETS, DIMENSIONS, mode="sum")
        nn.init.normal_(self.table.weight, 0, 0.1)
        rarity = np.maximum(0.05, np.log(texts / (1 + counts)) / 8)
        self.gain = nn.Parameter(torch.from_numpy(np.log(rarity)).float())
        self.heat = nn.Parameter(torch.tensor(3.0))

    def forward(self, bags: Sequence[Ids]) -> torch.Tensor:
        ids = torch.from_numpy(np.concatenate(bags))
        starts = torch.from_numpy(np.cumsum([0, *(len(bag) for bag in bags[:-1])]))
        weights = torch.exp(self.gain[ids])
        return f.normalize(self.table(ids, starts, per_sample_weights=weights), dim=1)

    def arrays(self) -> NDArray[np.float32]:
        """Return the table multiplied by its gains: (2 * BUCKETS, DIMENSIONS)."""
        scaled = self.table.weight * torch.exp(self.gain)[:, None]
        return np.asarray(scaled.detach().numpy(), np.float32)


def train_encoder(pairs: Sequence[Telling], epochs: int) -> NDArray[np.float32]:
    """Train an encoder that places the tellings of a story near each other; return its table."""
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    a, b = bag_ids([pair.a for pair in pairs]), bag_ids([pair.b for pair in pairs])
    numbers = {pair.a: number for number, pair in enumerate(pairs)}
    story = np.array([numbers[pair.a] for pair in pairs])  # tellings of one title are one story
    counts = np.zeros(2 * BUCKETS)
    for bag in a:
        counts[bag] += 1
    bags = Bags(counts, len(a))
    optimizer = torch.optim.Adam(
        [
            {"params": [bags.table.weight], "lr": 2e-3},
            {"params": [bags.gain, bags.heat], "lr": 1e-2},
        ]
    )
    for epoch in range(epochs):
        losses = []
        for batch in batches_near_in_time(len(pairs), rng):
            near = bags([a[i] for i in batch]) @ bags([b[i] for i in batch]).T
            near = near * torch.exp(bags.heat)
            own = torch.arange(len(batch))
            again = torch.from_numpy(story[batch][:, None] == story[batch][None, :])
            near = near.masked_fill(again & ~torch.eye(len(batch), dtype=torch.bool), -1e9)
            loss = (f.cross_entropy(near, own) + f.cross_entropy(near.T, own)) / 2
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            losses.append(loss.item())
        for group in optimizer.param_groups:
            group["lr"] *= 0.75
        say(f"encoder epoch {epoch}: loss {np.mean(losses):.4f}")
    return bags.arrays()


def batches_near_in_time(count: int, rng: np.random.Generator) -> Iterable[Ids]:
    """Return batches of items that are near in time; the `count` items are in order of time."""
    span = 4 * BATCH
    offset = int(rng.integers(0, span))
    starts = np.array(range(-offset, count, span))
    rng.shuffle(starts)
    for start in starts.tolist():
        block = rng.permutation(np.arange(max(start, 0), min(start + span, count)))
        for i in range(0, len(block), BATCH):
            if len(block) - i >= 64:
                yield block[i : i + BATCH]


def inverse_frequency(rows: Sequence[Row]) -> NDArray[np.float32]:
    """Return log(n / document frequency) of words, by the hash of the word: (FREQUENCIES,)."""
    counts = np.zeros(FREQUENCIES)
    for row in rows:
        for word in set(normal_title(row.title).split()):
            counts[word_hash(word) % FREQUENCIES] += 1
    return np.log((len(rows) + 1) / (counts + 0.5)).astype(np.float32)


def labelled_pairs(
    rows: Sequence[Row], encoder: Encoder, since: int, until: int
) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Return features and labels of threads in [since, until), paired with Hacker News threads."""
    chosen = [
        row
        for row in rows
        if row.page
        and row.community in ("hn", *QUERIES)
        and since - WEEK <= row.time < until + WEEK
    ]
    fresh = np.array([row.community in QUERIES and since <= row.time < until for row in chosen])
    created = np.array([row.time for row in chosen], np.int64)
    titles = encoder.encode([row.title for row in chosen])
    near = NearTitles(encoder)
    for mask in (~fresh, fresh):
        group = np.flatnonzero(mask).tolist()
        near.add(group, [chosen[row].title for row in group], created[mask].tolist())
    i, j = (near.key[side] for side in near.pairs(first=int((~fresh).sum())))
    pages = np.array([row.page for row in chosen])
    folded = np.array([normal_title(row.title) for row in chosen])
    same = pages[i] == pages[j]
    hacker_news = np.array([row.community == "hn" for row in chosen])
    keep = (hacker_news[i] ^ hacker_news[j]) & (same | (folded[i] != folded[j]))
    i, j = i[keep], j[keep]
    features = pair_features(titles, i, j, created[i] - created[j])
    return features, same[keep].astype(np.float32)


def train_judges(
    features: NDArray[np.float64], labels: NDArray[np.float32]
) -> dict[str, NDArray[np.float64]]:
    """Return the arrays of one perceptron whose output is the mean of JUDGES perceptrons."""
    mean, scale = features.mean(axis=0), 1 / (features.std(axis=0) + 1e-6)
    x = torch.from_numpy(np.clip((features - mean) * scale, -6, 6)).float()
    judges = [train_judge(x, torch.from_numpy(labels), seed) for seed in range(JUDGES)]
    arrays: dict[str, NDArray[np.float64]] = {"mean": mean, "scale": scale}
    for i, layers in enumerate(zip(*judges, strict=True)):
        weights = [layer.weight.detach().double() for layer in layers]
        biases = [layer.bias.detach().double() for layer in layers]
        if i == 0:  # all see the features
            weight, bias = torch.cat(weights), torch.cat(biases)
        elif i < len(judges[0]) - 1:  # units of different perceptrons are not connected
            weight, bias = torch.block_diag(*weights), torch.cat(biases)
        else:
            weight, bias = torch.cat(weights, dim=1) / JUDGES, sum(biases) / JUDGES
        arrays[f"weight{i}"], arrays[f"bias{i}"] = weight.numpy().T, bias.numpy()
    return arrays


def train_judge(
    x: torch.Tensor, y: torch.Tensor, seed: int, epochs: int = 10
) -> tuple[nn.Linear, ...]:
    """Return the layers of a trained perceptron with rectified units in two hidden layers."""
    torch.manual_seed(seed)
    layers = (nn.Linear(len(FEATURES), 32), nn.Linear(32, 16), nn.Linear(16, 1))
    network = nn.Sequential(layers[0], nn.ReLU(), layers[1], nn.ReLU(), layers[2])
    optimizer = torch.optim.AdamW(network.parameters(), lr=3e-3, weight_decay=1e-4)
    steps = epochs * -(-len(x) // 512)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, total_steps=steps)
    for epoch in range(epochs):
        losses = []
        for batch in torch.split(torch.randperm(len(x)), 512):
            loss = f.binary_cross_entropy_with_logits(network(x[batch])[:, 0], y[batch])
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
            losses.append(loss.item())
        say(f"judge {seed} epoch {epoch}: loss {np.mean(losses):.5f}")
    return layers


def quantized(table: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float16]]:
    """Return the table quantised to 8 bits, and the step size of each row."""
    steps = (np.abs(table).max(axis=1) / 127).astype(np.float16)
    divisor = np.where(steps == 0, 1, steps).astype(np.float32)[:, None]
    return np.clip(np.round(table / divisor), -127, 127).astype(np.int8), steps


_BEGUN = time.monotonic()


def say(text: str) -> None:
    print(f"{time.monotonic() - _BEGUN:6.0f} s  {text}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--out", type=Path, default=ROOT / ".cache/linker.npz")
    parser.add_argument("--epochs", type=int, default=8, help="of the encoder")
    parser.add_argument("--train-only", action="store_true", help="nothing of the dev window")
    parser.add_argument("--keep", type=Path, help="folder for trained encoders")
    options = parser.parse_args()
    torch.set_num_threads(1)  # sums in a fixed order
    end = TRAIN_ONLY_END if options.train_only else END
    rows = read_rows(end)
    pairs = tellings(rows, random.Random(0))
    say(f"{len(rows):,} threads, {len(pairs):,} pairs of tellings")
    third = (end - BEGIN) // 3
    parts = []
    for since, until in ((BEGIN, BEGIN + third), (end - third, end)):
        seen = [row for row in rows if not since <= row.time < until]
        told = [pair for pair in pairs if not since <= pair.time < until]
        name = f"{since}-{until}-{end}"
        table, steps = encoder_arrays(told, options.epochs, options.keep, name)
        blind = Encoder(widened(table, steps), inverse_frequency(seen))
        parts.append(labelled_pairs(rows, blind, since + 2 * WEEK, until - 2 * WEEK))
    features = np.concatenate([part[0] for part in parts])
    labels = np.concatenate([part[1] for part in parts])
    say(f"{len(labels):,} pairs to judge, {int(labels.sum()):,} of them one story")
    judge = train_judges(features, labels)
    table, steps = encoder_arrays(pairs, options.epochs, options.keep, f"all-{end}")
    options.out.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(
        options.out,
        format=np.array(FORMAT),
        features=np.array(FEATURES),
        table=table,
        table_steps=steps,
        frequency=inverse_frequency(rows).astype(np.float16),
        layers=np.array(3),
        **{name: array.astype(np.float32) for name, array in judge.items()},  # type: ignore[arg-type]
    )
    say(f"{options.out}: {options.out.stat().st_size:,} bytes")


def encoder_arrays(
    pairs: Sequence[Telling], epochs: int, keep: Path | None, name: str
) -> tuple[NDArray[np.int8], NDArray[np.float16]]:
    """Return the table of an encoder and the step sizes of its rows, in their stored form."""
    kept = keep / f"{name}-{epochs}.npz" if keep else None
    if kept and kept.exists():
        with np.load(kept) as stored:
            return stored["table"], stored["steps"]
    table, steps = quantized(train_encoder(pairs, epochs))
    if kept:
        kept.parent.mkdir(parents=True, exist_ok=True)
        np.savez(kept, table=table, steps=steps)
    return table, steps


def widened(table: NDArray[np.int8], steps: NDArray[np.float16]) -> NDArray[np.float32]:
    """Return the table in the form in which it will be loaded."""
    return table * steps.astype(np.float32)[:, None]


if __name__ == "__main__":
    main()
