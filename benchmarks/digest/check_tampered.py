"""How many tampered facts `shiomi digest check` contradicts, and its false alarms.

    python benchmarks/digest/check_tampered.py [facts] [weeks]

Ten weeks of r/LocalLLaMA and the two of the sample are written without a model and checked as they
are. Then one fact at a time is changed, kinds in turn."""

from __future__ import annotations

import random
import re
import sys
from collections import Counter
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from benchmarks.digest.localllama_weeks import archive_of_localllama, digest_of

from shiomi.digest.archive import Archive
from shiomi.digest.archive.importing import import_file
from shiomi.digest.check import check_digest
from shiomi.digest.config import Config
from shiomi.digest.languages import load_language
from shiomi.digest.pipeline import make_digest
from shiomi.digest.render import render_markdown
from shiomi.digest.week import Week
from shiomi.sample import SAMPLE_AS_OF, SAMPLE_WEEKS, sample_files

LAST = date(2025, 8, 3)


def _number(found: re.Match[str]) -> str:
    value = int(found[1].replace(",", ""))
    return found.group().replace(found[1], f"{value * 2 + 13:,}", 1)


def _negated(found: re.Match[str]) -> str:
    words = found[1].split()
    words.insert(len(words) // 2, "not")
    return found.group().replace(found[1], " ".join(words), 1)


def _earlier(found: re.Match[str]) -> str:
    return f"2019{found.group()[4:]}"


KINDS: dict[str, tuple[str, Callable[[re.Match[str]], str]]] = {
    "points": (r"([\d,]+)ポイント", _number),
    "comments": (r"([\d,]+)件のコメント", _number),
    "time of reading": (r"(20\d\d)-\d\d-\d\d(?= \d\d:\d\d JST 時点)", _earlier),
    "day of reading": (r"(20\d\d)-\d\d-\d\d(?= 以前に読取)", _earlier),
    "first post": (r"最も早い投稿は[^）]*?(\d\d):\d\d JST", lambda m: m.group()[:-9] + "03:33 JST"),
    "percentage": (r"上位([\d.]+)%", lambda m: f"上位{float(m[1]) + 7:.2g}%"),
    "article link": (r"元記事: \[[^\]]*\]\((https?://[^)]+)\)", lambda m: m.group()[:-1] + "x)"),
    "thread link": (r"\]\(https://[^)]*?(?:id=|comments/|/s/)(\w+)", lambda m: m[0][:-1] + "9"),
    "negated quotation": (r"「([A-Z][^」]{40,})」（原文引用", _negated),
    "trend count": (r"スレッドは今週(\d+)件", _number),
    "community count": (r"(?:内訳は|、)(?:Hacker News|Lobsters|Reddit \([^)]*\)) (\d+)件", _number),
    "earlier peak": (r"最多は(\d+)件", _number),
    "threads of a story": (r"(\d+)件のスレッドで話題", _number),
}  # fmt: skip


def digests(weeks: int) -> list[tuple[str, Archive]]:
    """Return Markdown texts with the archive that each was made from."""
    language = load_language("ja")
    local = archive_of_localllama()
    found = [
        (render_markdown(digest_of(local, LAST - timedelta(weeks=back)), language), local)
        for back in range(weeks)
    ]
    sample = Archive.open(":memory:")
    for path in sample_files():
        import_file(sample, Path(str(path)))
    for last in SAMPLE_WEEKS:
        made = make_digest(sample, Config(), Week(last), as_of=SAMPLE_AS_OF)
        found.append((render_markdown(made, language), sample))
    return found


def tampered(texts: list[str], facts: int) -> list[tuple[str, int, str]]:
    """Return (kind, number of the digest, text) with one fact changed in each."""
    chance = random.Random(1)
    found: list[tuple[str, int, str]] = []
    kinds = list(KINDS)
    while len(found) < facts:
        kind = kinds[len(found) % len(kinds)]
        pattern, change = KINDS[kind]
        places = [(n, m) for n, text in enumerate(texts) for m in re.finditer(pattern, text)]
        if not places:
            kinds.remove(kind)
            continue
        number, match = chance.choice(places)
        text = texts[number]
        found.append((kind, number, text[: match.start()] + change(match) + text[match.end() :]))
    return found


def main() -> None:
    """Print contradicted facts by kind, and false alarms."""
    facts = int(sys.argv[1]) if len(sys.argv) > 1 else 104
    weeks = int(sys.argv[2]) if len(sys.argv) > 2 else 10
    made = digests(weeks)
    alarms = 0
    for text, archive in made:
        report = check_digest(text, archive, own=text)
        alarms += report.wrong
        if report.wrong:
            print(report.text())
    print(f"false alarms on {len(made)} own digests: {alarms}")
    of: Counter[str] = Counter()
    seen: Counter[str] = Counter()
    for kind, number, text in tampered([text for text, _ in made], facts):
        of[kind] += 1
        own, archive = made[number]
        seen[kind] += check_digest(text, archive, own=own).wrong
    for kind, count in of.items():
        print(f"{kind:22} {seen[kind]:3} of {count}")
    print(f"{'all':22} {sum(seen.values()):3} of {sum(of.values())}")


if __name__ == "__main__":
    main()
