"""Count how many altered facts `shiomi digest check` finds, and its false alarms.

    python benchmarks/digest/check_tampered.py [facts] [weeks]

Digests of ten weeks of r/LocalLLaMA and of the sample's two weeks are written without a model.
First the unchanged digests are checked. Then one fact at a time is changed, and the digest is
checked again. The kinds of facts are changed in turn."""

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


def _other_end(found: re.Match[str]) -> str:
    return found[0][:-1] + ("8" if found[0].endswith("9") else "9")


Change = Callable[[re.Match[str]], str]
KINDS: dict[str, tuple[str, Change | str]] = {
    "points": (r"([\d,]+)ポイント", _number),
    "comments": (r"([\d,]+)件のコメント", _number),
    "time of reading": (r"(20\d\d)-\d\d-\d\d(?= \d\d:\d\d JST 時点)", _earlier),
    "day of reading": (r"(20\d\d)-\d\d-\d\d(?= 以前に読取)", _earlier),
    "first post": (r"最初の投稿は[^）]*?(\d\d):\d\d JST", lambda m: m.group()[:-9] + "03:33 JST"),
    "percentage": (r"上位([\d.]+)%", lambda m: f"上位{float(m[1]) + 7:.2g}%"),
    "article link": (r"元記事: \[[^\]]*\]\((https?://[^)]+)\)", lambda m: m.group()[:-1] + "x)"),
    "thread link": (r"\]\(https://[^)]*?(?:id=|comments/|/s/)(\w+)", _other_end),
    "negated quotation": (r"「([A-Z][^」]{40,})」（原文引用", _negated),
    "trend count": (r"スレッドは今週(\d+)件", _number),
    "community count": (r"(?:内訳は|、)(?:Hacker News|Lobsters|Reddit \([^)]*\)) (\d+)件", _number),
    "earlier peak": (r"多くて(\d+)件", _number),
    "weeks before": (r"前の(\d+)週では", _number),
    "happening": (r"(?:公開・リリース・新機能|比較や性能測定)の話題", "企業の買収の話題"),
    "kind of page": (r"(?:画像|動画|報道記事)（", "PDF文書（"),
    "label of a quotation": (r"(?:評価の高いコメント|筆者の助言・見解)：", "費用："),
    "other title": (r"別のタイトルは「\[(\w+)", lambda m: m[0] + "s"),
    "earlier title": (r"では初め「(\w+)", lambda m: m[0] + "s"),
    "rule of a thread": (r"(?:異なる見方の|内容を詳しく扱う)スレッドが", "対処を挙げたスレッドが"),
    "thread named": (r"「\[(\w+)(?=[^」]*」（[^）]*JST）(?:。|です|があ))", "「[No"),
    "explained tag": (r"＝(\w+)", "＝図書館"),
    "glossed date": (r"（(20\d\d)年末）", "（2031年末）"),
    "most comments": (r"最も多いのは(?:Lobsters|Hacker News)", "最も多いのはarXiv"),
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
    """Return (kind of the fact, number of the digest, text). In each text, one fact is changed."""
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
        instead = change if isinstance(change, str) else change(match)
        found.append((kind, number, text[: match.start()] + instead + text[match.end() :]))
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
