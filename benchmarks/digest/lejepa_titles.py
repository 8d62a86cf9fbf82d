"""Train an encoder of titles with `shiomi.lejepa`, then fit it to tellings of one story.

    pip install -e '.[lejepa,minilm]' pyarrow
    python benchmarks/digest/lejepa_titles.py [--lejepa STEPS] [--out FILE]

encoders.py evaluates it. The encoder is a transformer layer over 8,192 byte-pair subwords, so word
order matters. The two views of a sample are crops of two titles of one page, of a title and the
words of its path, or of one title twice. All titles are from before 2020-06-24; the weeks of the
untouched labels are left out. The fit contrasts two tellings with the other tellings of the same
days, as in tools/digest/train_linker.py. `--lejepa 0` skips the training with LeJEPA. FILE.first.pt
is the encoder before the fit.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
from torch import Tensor, nn
from torch.nn import functional as f

sys.path.insert(0, str(Path(__file__).parents[2] / "tools/digest"))
from train_linker import END, batches_near_in_time, read_rows, tellings  # type: ignore

from shiomi.lejepa import Trainer, Training
from shiomi.lejepa.encoders import Network, projector

VOCABULARY, LONGEST, WIDTH = 8192, 18, 64
Pieces = list[list[int]]


class TitleTransformer(nn.Module):
    """One attention layer over subwords; the output is a weighted mean over positions."""

    def __init__(self) -> None:
        super().__init__()
        self.pieces = nn.Embedding(VOCABULARY, WIDTH, padding_idx=0)
        self.places = nn.Parameter(torch.randn(LONGEST, WIDTH) * 0.02)
        nn.init.normal_(self.pieces.weight, 0, 0.05)
        layer = nn.TransformerEncoderLayer(
            WIDTH, 4, 128, 0.0, "gelu", batch_first=True, norm_first=True
        )
        self.layers = nn.ModuleList([layer])
        self.weight = nn.Linear(WIDTH, 1)
        self.heat = nn.Parameter(torch.tensor(2.5))

    def forward(self, pieces: Tensor) -> Tensor:
        """Map subwords (N, L), padded with 0, to vectors (N, WIDTH)."""
        padding = pieces == 0
        padding[:, 0] = False
        own = self.pieces(pieces)
        seen = self.layers[0](own + self.places[: pieces.shape[1]], src_key_padding_mask=padding)
        weight = self.weight(seen).masked_fill(padding[:, :, None], -1e4).softmax(1)
        summed: Tensor = ((seen + own) * weight).sum(1)
        return summed


def subwords(texts: Sequence[str]) -> Tokenizer:
    """Return byte-pair subwords learnt from the texts; 0 is padding."""
    made = Tokenizer(models.BPE(unk_token=None))
    made.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    made.pre_tokenizer = pre_tokenizers.ByteLevel()
    made.train_from_iterator(
        texts, trainers.BpeTrainer(vocab_size=VOCABULARY, special_tokens=["<pad>"])
    )
    return made


def padded(rows: Sequence[Sequence[int]]) -> Tensor:
    """Return pieces of shape (N, L <= LONGEST), padded with 0."""
    width = max(1, min(LONGEST, max(map(len, rows))))
    made = np.zeros((len(rows), width), np.int64)
    for n, row in enumerate(rows):
        made[n, : min(len(row), width)] = row[:width]
    return torch.from_numpy(made)


def crop(pieces: list[int], draw: random.Random) -> list[int]:
    """Draw a run of at least three fifths of the pieces, then keep each with probability .85."""
    size = max(3, round(len(pieces) * draw.uniform(0.6, 1)))
    start = draw.randint(0, max(0, len(pieces) - size))
    return [one for one in pieces[start : start + size] if draw.random() < 0.85] or pieces


def pretrain(encoder: TitleTransformer, a: Pieces, b: Pieces, steps: int) -> None:
    """Train with LeJEPA; the two views are one crop of each text."""

    def prepare(numbers: Sequence[int], step: int) -> list[Tensor]:
        draw = random.Random(step)
        return [padded([crop(side[n], draw) for side in (a, b) for n in numbers])]

    training = Training(steps=steps, batch_size=256, lr=1.5e-3, weight_decay=1e-2, lam=0.02)
    network = Network(encoder, projector(WIDTH, out=64))
    Trainer(
        network, prepare, lambda views, *_: views, count=len(a), training=training,
        global_views=2, log_every=100,
    ).run(lambda at: print(at.step, f"{at.loss:.4f} {at.prediction:.4f}", flush=True))  # fmt: skip


def fit(encoder: TitleTransformer, a: Pieces, b: Pieces, story: np.ndarray, steps: int) -> None:
    """Train so that two tellings are closer than other tellings of the batch."""
    adam = torch.optim.AdamW(encoder.parameters(), lr=8e-4, weight_decay=1e-2)
    draw = np.random.default_rng(0)
    batches = (rows for _ in range(steps) for rows in batches_near_in_time(len(a), draw))
    for step, rows in enumerate(islice(batches, steps)):
        for group in adam.param_groups:
            group["lr"] = 8e-4 * min(1, step / 100) * (1 - step / steps) + 1e-5
        both = encoder(padded([a[i] for i in rows] + [b[i] for i in rows]))
        x, y = f.normalize(both, dim=1).chunk(2)
        near = x @ y.T * torch.exp(encoder.heat)
        again = torch.from_numpy(story[rows][:, None] == story[rows][None, :])
        near = near.masked_fill(again & ~torch.eye(len(rows), dtype=torch.bool), -1e9)
        own = torch.arange(len(rows))
        loss = (f.cross_entropy(near, own) + f.cross_entropy(near.T, own)) / 2
        adam.zero_grad()
        loss.backward()
        adam.step()
        if step % 100 == 99:
            print("fit", step + 1, f"{loss.item():.4f}", flush=True)


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--lejepa", type=int, default=1000)
    options.add_argument("--fit", type=int, default=800)
    options.add_argument("--out", type=Path, default=Path(".cache/lejepa.pt"))
    chosen = options.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(1)
    rows = read_rows(END)
    pairs = tellings(rows, random.Random(0))
    titles = [row.title for row in rows]
    names = subwords(titles + [pair.b for pair in pairs])
    sides = titles, [pair.a for pair in pairs], [pair.b for pair in pairs]
    alone, a, b = ([one.ids for one in names.encode_batch(texts)] for texts in sides)
    print(f"{len(rows)} titles, {len(pairs)} tellings", flush=True)
    encoder = TitleTransformer()
    if chosen.lejepa:
        pretrain(encoder, a + alone, b + alone, chosen.lejepa)
        torch.save((names.to_str(), encoder.state_dict()), chosen.out.with_suffix(".first.pt"))
    story = np.unique([pair.a for pair in pairs], return_inverse=True)[1]
    fit(encoder, a, b, story, chosen.fit)
    torch.save((names.to_str(), encoder.state_dict()), chosen.out)
    print(f"{time.process_time():.0f} s of processor")


if __name__ == "__main__":
    main()
