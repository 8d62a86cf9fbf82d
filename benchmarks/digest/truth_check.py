"""Can a small model tell false sentences from right ones? Three questions, one token for each.

    python benchmarks/digest/truth_check.py ENDPOINT MODEL [sentences]

Asks about sentences of grounding_unseen.py that grounding keeps, false and clean ones in turn:

- odds: does the source support or contradict the claim? Log odds of the two words.
- pair: the same odds minus the odds of the claim with its verb negated.
- quotation: which numbered sentence supports it, 0 for none? Log odds of all numbers against 0.

Prints the scores of each sentence, then the AUC of each question (0.5 is chance). Needs a model
server that gives log probabilities.
"""

from __future__ import annotations

import json
import math
import random
import sys
from pathlib import Path
from typing import Any

import httpx2

sys.path.insert(0, str(Path(__file__).parents[2]))

from benchmarks.digest.grounding_unseen import SENTENCES, cited_items
from benchmarks.digest.localllama_weeks import localllama_threads

from shiomi.digest.story import Story
from shiomi.digest.writing.aboutness import Vocabulary, support
from shiomi.digest.writing.evidence import gather
from shiomi.digest.writing.grounding import faults, unquoted
from shiomi.digest.writing.sentences import sentences

NEVER = -12.0  # log probability of a token that is not among the first ten
NEGATED = (
    ("ではありません。", "です。"), ("ませんでした。", "ました。"), ("ません。", "ます。"),
    ("でした。", "ではありませんでした。"), ("ました。", "ませんでした。"),
    ("です。", "ではありません。"), ("ます。", "ません。"),
)  # fmt: skip
WORD = "Does the source support the claim, or does the claim contradict the source? \
Answer with one word: support or contradict."
NUMBER = "Which sentence of the source says the same as the claim? Answer with its number, or 0 if \
the source says otherwise."


def kept() -> list[tuple[str, str, list[str]]]:
    """Return (kind, sentence, best sentences of its source) of false and clean ones in turn."""
    rows = [json.loads(line) for line in SENTENCES.open(encoding="utf-8")]
    threads = {t.id: t for t in localllama_threads() if t.id in {row["id"] for row in rows}}
    found: dict[str, list[tuple[str, str, list[str]]]] = {"false": [], "clean": []}
    for row in rows:
        if row["kind"] not in found:
            continue
        items = gather(Story.of([threads[row["id"]]])).items
        cited = cited_items(items, row["evidence"])
        text, advice = unquoted(row["text"], cited), row["slot"] == "implications"
        if next(faults(text, cited, "ja", advice=advice, story=items), None) is None:
            found[row["kind"]].append((row["kind"], text, best(text, [i.text for i in cited])))
    for one in found.values():
        random.Random(1).shuffle(one)
    return [row for pair in zip(*found.values(), strict=False) for row in pair]


def best(text: str, texts: list[str], most: int = 5) -> list[str]:
    """Return the sentences of a source that support a text best, in the source's order."""
    rows = [one for item in texts for one in sentences(item)][:80]
    scored = [(support(text, Vocabulary((row,)), "ja") or -9.0, place) for place, row in
              enumerate(rows)]  # fmt: skip
    return [rows[place] for place in sorted(place for _, place in sorted(scored)[-most:])]


def first(client: httpx2.Client, model: str, asked: str) -> dict[str, float]:
    """Return the log probabilities of the first token of the answer."""
    body: dict[str, Any] = {"model": model, "max_tokens": 1, "temperature": 0, "logprobs": True,
                            "top_logprobs": 10}  # fmt: skip
    body["messages"] = [{"role": "user", "content": asked}]
    answer = client.post("chat/completions", json=body, timeout=900).raise_for_status().json()
    top = answer["choices"][0]["logprobs"]["content"][0]["top_logprobs"]
    return {one["token"].strip().casefold(): one["logprob"] for one in top}


def summed(found: dict[str, float], beginnings: tuple[str, ...]) -> float:
    """Return the log of the probability of these beginnings together."""
    held = [math.exp(value) for token, value in found.items() if token.startswith(beginnings)]
    return math.log(sum(held)) if held else NEVER


def scores(client: httpx2.Client, model: str, text: str, source: list[str]) -> list[float]:
    """Return the three scores of a sentence."""
    numbered = "\n".join(f"{place}. {row}" for place, row in enumerate(source, 1))[:1_200]
    odds = []
    for claim in (text, negated(text)):
        got = first(client, model, f"Source:\n{numbered}\n\nClaim (in Japanese): {claim}\n\n{WORD}")
        odds.append(summed(got, ("support",)) - summed(got, ("contr",)))
    got = first(client, model, f"Source:\n{numbered}\n\nClaim (in Japanese): {text}\n\n{NUMBER}")
    number = summed(got, tuple("123456789")) - summed(got, ("0",))
    return [odds[0], odds[0] - odds[1], number]


def negated(text: str) -> str:
    """Return a sentence with its last verb negated, or affirmed."""
    for end, other in NEGATED:
        if text.endswith(end):
            return text.removesuffix(end) + other
    return text.removesuffix("。") + "というのは誤りです。"


def auc(right: list[float], wrong: list[float]) -> float:
    """Return the probability that a right sentence has the higher score."""
    won = sum((a > b) + (a == b) / 2 for a in right for b in wrong)
    return won / max(len(right) * len(wrong), 1)


def main() -> None:
    """Ask, and print the scores."""
    endpoint, model = sys.argv[1:3]
    most = int(sys.argv[3]) if len(sys.argv) > 3 else 1_000
    found: dict[str, list[list[float]]] = {"clean": [], "false": []}
    with httpx2.Client(base_url=endpoint, trust_env=False) as client:
        for kind, text, source in kept()[:most]:
            found[kind].append(scores(client, model, text, source))
            print(kind, *(f"{one:.2f}" for one in found[kind][-1]), text, sep="\t", flush=True)
    for place, name in enumerate(("odds", "pair", "quotation")):
        right, wrong = ([row[place] for row in found[kind]] for kind in ("clean", "false"))
        print(f"{name}: AUC {auc(right, wrong):.2f} of {len(right)} right, {len(wrong)} false")


if __name__ == "__main__":
    main()
