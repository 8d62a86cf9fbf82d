"""A hostile model: answers with claims that the evidence does not hold, in every dress, between
sentences that it does."""

from __future__ import annotations

import json
import random
import tomllib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.digest.writing.sample import Clean, clean, evidence, threads

ATTACKS: dict[str, list[str]] = tomllib.loads(
    (Path(__file__).parent / "data" / "attacks.toml").read_text(encoding="utf-8")
)
KINDS = """number number number swapped link name quotation orders foreign markup hidden crossed"""
KANJI = "〇一二三四五六七八九"
WORDS = """two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen
sixteen seventeen eighteen nineteen"""
TENS = "twenty thirty forty fifty sixty seventy eighty ninety"


@dataclass(frozen=True, slots=True)
class Attempt:
    """A sentence of a hostile answer."""

    text: str
    kind: str  # "clean" or the attack
    part: str
    evidence: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """What the hostile model returns for a story."""

    uid: str
    language: str
    raw: str
    attempts: tuple[Attempt, ...]
    broken: bool  # not JSON of the form asked for


def in_dress(number: int, rng: random.Random) -> str:
    """A number in one of the ways it can be written."""
    digits = str(number)
    dresses: list[Callable[[], str]] = [
        lambda: digits,
        lambda: f"{number:,}",
        lambda: digits.translate(str.maketrans("0123456789", "０１２３４５６７８９")),
        lambda: "".join(KANJI[int(d)] for d in digits),
        lambda: kanji(number),
        lambda: "".join("⓪①②③④⑤⑥⑦⑧⑨"[int(d)] for d in digits),
        lambda: "".join("⁰¹²³⁴⁵⁶⁷⁸⁹"[int(d)] for d in digits),
        lambda: "".join(chr(0x660 + int(d)) for d in digits),
        lambda: "".join(chr(0x966 + int(d)) for d in digits),
        lambda: "".join(chr(0x1D7CE + int(d)) for d in digits),
        lambda: f"{number / 1000:.1f}k",
        lambda: f"約{round(number, -2) or 100}",
        lambda: f"{kanji(max(round(number, -1), 10))}余り",
        lambda: f"{number}+",
        lambda: f".{digits}",
        lambda: f"{digits}.0",
        lambda: " ".join(digits),
        lambda: "数百",
        lambda: "数千",
        lambda: "".join("〇壱弐参四五六七八九"[int(d)] for d in digits),
    ]
    return rng.choice(dresses)()


def in_words(number: int, rng: random.Random) -> str:
    """The same for English prose."""
    dresses: list[Callable[[], str]] = [
        lambda: english(number),
        lambda: f"{number:,}",
        lambda: str(number),
        lambda: f"{number / 1000:.1f}k",
        lambda: "hundreds of",
        lambda: "two dozen",
        lambda: f"roughly {round(number, -2) or 100}",
        lambda: "".join(chr(0x1D7CE + int(d)) for d in str(number)),
        lambda: "".join("０１２３４５６７８９"[int(d)] for d in str(number)),
    ]
    return rng.choice(dresses)()


def kanji(number: int) -> str:
    """145 as 百四十五."""
    if number == 0:
        return "〇"
    out = ""
    for unit, name in ((10**8, "億"), (10**4, "万")):
        if number >= unit:
            out += kanji(number // unit) + name
            number %= unit
    for unit, name in ((1000, "千"), (100, "百"), (10, "十")):
        count, number = divmod(number, unit)
        if count:
            out += (KANJI[count] if count > 1 else "") + name
    return out + (KANJI[number] if number else "")


def english(number: int) -> str:
    """145 as "one hundred forty-five"."""
    ones = ["zero", "one", *WORDS.split()]
    tens = ["", "", *TENS.split()]
    if number < 20:
        return ones[number]
    if number < 100:
        return tens[number // 10] + (f"-{ones[number % 10]}" if number % 10 else "")
    for unit, name in ((10**6, "million"), (1000, "thousand"), (100, "hundred")):
        if number >= unit:
            rest = number % unit
            return f"{english(number // unit)} {name}" + (f" {english(rest)}" if rest else "")
    raise ValueError(number)


class Adversary:
    """Answers one after the other, the same for the same seed."""

    def __init__(self, seed: int) -> None:
        self.rng = random.Random(seed)
        self.by_story: dict[tuple[str, str], list[Clean]] = {}
        for one in clean():
            self.by_story.setdefault((one.uid, one.language), []).append(one)
        self.keys = sorted(self.by_story)
        self.counts = sorted(
            {
                count
                for thread in threads().values()
                for reading in thread.readings
                for count in (reading.points, reading.comments)
                if count
            }
        )

    def answer(self) -> Answer:
        """The next answer."""
        rng = self.rng
        uid, language = rng.choice(self.keys)
        numbers = tuple(item.number for item in evidence(uid).items)
        attempts = []
        for part, most in (("lead", 2), ("technical", 2), ("voices", 2), ("implications", 1)):
            fitting = [one for one in self.by_story[uid, language] if one.part == part]
            rng.shuffle(fitting)
            attempts += [Attempt(one.text, "clean", part, numbers) for one in fitting[:most]]
            for _ in range(rng.randint(0, 2)):
                kind, text = self.attack(uid, language)
                cited = rng.choice([numbers, numbers, (rng.choice(numbers),), (0, 999)])
                attempts.append(Attempt(text, kind, part, cited))
        rng.shuffle(attempts)
        document: dict[str, object] = {
            part: [
                {"text": one.text, "evidence": list(one.evidence)}
                for one in attempts
                if one.part == part
            ]
            for part in ("lead", "technical", "voices", "implications")
        }
        raw = json.dumps(document, ensure_ascii=rng.random() < 0.3)
        broken = rng.random() < 0.1
        return Answer(
            uid,
            language,
            self.broken(raw) if broken else self.wrapped(raw),
            tuple(attempts),
            broken,
        )

    def wrapped(self, raw: str) -> str:
        """As models wrap what they were asked to return alone."""
        return self.rng.choice(
            [
                raw,
                raw,
                raw,
                f"```json\n{raw}\n```",
                f"Here it is:\n{raw}",
                f"<think>{{}}</think>{raw}",
            ]
        )

    def broken(self, raw: str) -> str:
        """Not the form asked for."""
        rng = self.rng
        return rng.choice(
            [
                raw[: rng.randint(0, len(raw) - 1)],
                "",
                "null",
                "[" * 5000,
                '{"lead": "145 points"}',
                raw.replace('"evidence"', '"sources"'),
                raw.replace("[", "{", 1),
                '{"lead":[{"text":145,"evidence":[1]}],"technical":[],"implications":[]}',
                "I cannot answer. It has 145 points: https://evil.example",
                "\x00" * 100 + "{",
                '{"lead":[],"technical":[],"implications":[],"x":' * 3,
            ]
        )

    def number(self, uid: str) -> int:
        """A count of another thread, of this one, or of none."""
        return self.rng.choice([self.rng.choice(self.counts), self.rng.randint(2, 5000)])

    def attack(self, uid: str, language: str) -> tuple[str, str]:
        """(kind, sentence)."""
        rng = self.rng
        kind = rng.choice(KINDS.split())
        own = rng.choice(self.by_story[uid, language]).text
        if kind == "number":
            return kind, self.said(f"{language}_frames", self.dressed(uid, language))
        if kind == "swapped":  # a number into a clean sentence
            tail = {"ja": "（{x}件）。", "en": " ({x} in all)."}[language]
            return "number", own.rstrip("。.") + tail.format(x=self.dressed(uid, language))
        if kind == "hidden":
            place = rng.randint(0, len(own))
            return kind, own[:place] + rng.choice(ATTACKS["hidden"]) + own[place:]
        if kind == "markup":
            return kind, self.said("markup", own)
        if kind in ("orders", "foreign"):
            return kind, rng.choice(ATTACKS[f"{language}_{kind}"])
        if kind == "crossed":
            others = [key for key in self.keys if key[1] == language and key[0] != uid]
            said = rng.choice(self.by_story[rng.choice(others)]).text
            taken = {one.text for one in self.by_story[uid, language]}
            return (kind, said) if said not in taken else ("orders", ATTACKS["ja_orders"][0])
        return kind, self.said(
            f"{language}_{kind}_frames", rng.choice(ATTACKS[f"{language}_{kind}"])
        )

    def dressed(self, uid: str, language: str) -> str:
        """A number in the dress of a language."""
        return (in_dress if language == "ja" else in_words)(self.number(uid), self.rng)

    def said(self, frames: str, filling: str) -> str:
        """A frame of this list, filled."""
        return self.rng.choice(ATTACKS[frames]).format(x=filling)
