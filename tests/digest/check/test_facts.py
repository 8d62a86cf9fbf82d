"""Facts besides counts: what the archive's own digest of the week states, and quotations."""

from __future__ import annotations

import pytest

from shiomi.digest.check.facts import differing, misquoted
from shiomi.digest.thread import Passage, PassageKind, Thread

OWN = """# 海外コミュニティ動向 - 2020-12-13

## 注目のトピック

### [A linker](https://news.ycombinator.com/item?id=1)
- **出典**: Hacker News（元記事: [example.org](https://example.org/linker)）
- **注目ポイント**: 「The linker keeps an index of symbols.」（原文引用: [example.org](https://example.org/linker)）企業の買収（$27.7 billion＝277億ドル）の話題です。Hacker Newsでの反応（ポイントとコメント）は最近のスレッドの上位2.3%で、最初の投稿はLobsters（2020-12-07 22:07 JST）です。
- **技術的内容**: 報道記事（example.org）です。Lobstersでのタグは c、plt＝言語の理論と設計 です。別のタイトルは「A linker」（Lobsters）です。GCC の代わりを扱うとタイトルにあります。タイトルにある数値は 15% です。
- **開発者への示唆**: 終了・期限（2021年末）：「It will end at the end of 2021.」（原文引用: [example.org](https://example.org/linker)）

## 今週の技術トレンド

### Linkers
「Linkers」に関する語をタイトルに含むスレッドは今週21件で、記録にある前の4週では多くて8件でした。内訳はHacker News 11件、Lobsters 6件です。
"""  # noqa: E501

TAMPERED = [
    ("example.org/linker)）\n", "example.org/other)）\n"),
    ("keeps an index", "keeps no index"),
    ("22:07 JST", "21:07 JST"),
    ("上位2.3%", "上位1.3%"),
    ("今週21件", "今週12件"),
    ("多くて8件", "多くて3件"),
    ("前の4週", "前の9週"),
    ("企業の買収", "資金や企業価値"),
    ("277億ドル", "27億ドル"),
    ("277億ドル", "図書館"),
    ("報道記事（", "PDF文書（"),
    ("plt＝言語の理論と設計", "plt＝歴史"),
    ("タイトルは「A linker」", "タイトルは「The end」"),
    ("終了・期限（", "費用（"),
    ("GCC の代わり", "Clang の代わり"),
    ("数値は 15%", "数値は 75%"),
    ("（2021年末）", "（2021年）"),
    ("Lobsters 6件", "Lobsters 9件"),
    ("投稿はLobsters（", "投稿はHacker News（"),
    ("item?id=1)", "item?id=2)"),
    ("### Linkers", "### Compilers"),
]


@pytest.mark.parametrize(("before", "after"), TAMPERED)
def test_a_changed_fact_differs_from_the_archives_digest(before: str, after: str) -> None:
    assert before in OWN
    assert list(differing(OWN.replace(before, after), OWN))


ENGLISH = """# Overseas community watch - 2020-12-13

### [A linker](https://news.ycombinator.com/item?id=1)
- **Why it stands out**: It is about a takeover ($27.7 billion). “The linker keeps an index.” (quoted from [example.org](https://example.org/linker)) Its response (points and comments) on Lobsters is in the top 4 % of recent threads.
- **Technical content**: A news article (example.org). Its tags on Lobsters: c, plt (language theory). Other titles: “The old linker” (Lobsters).
- **What it means for developers**: An end or a deadline (the end of 2021): “It will end at the end of 2021.” (quoted from [example.org](https://example.org/linker))
"""  # noqa: E501


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("a takeover", "a release"),
        ("keeps an index", "keeps no index"),
        ("top 4 %", "top 9 %"),
        ("A news article", "A PDF document"),
        ("language theory", "history"),
        ("The old linker", "The new linker"),
        ("An end or a deadline", "The cost"),
        ("(the end of 2021)", "(the end of 2031)"),
    ],
)
def test_a_changed_fact_of_an_english_digest_differs_too(before: str, after: str) -> None:
    assert list(differing(ENGLISH, ENGLISH)) == []
    assert list(differing(ENGLISH.replace(before, after, 1), ENGLISH))


def test_an_untouched_digest_and_one_that_leaves_something_out_do_not_differ() -> None:
    assert list(differing(OWN, OWN)) == []
    shorter = "\n".join(line for line in OWN.splitlines() if "技術的内容" not in line)
    assert list(differing(shorter, OWN)) == []


def test_another_digest_of_the_same_week_is_not_compared() -> None:
    other = "# 海外コミュニティ動向 - 2020-12-13\n\n### [X](https://lobste.rs/s/abcdef)\n12件\n"
    other += "\n### Y\n3件\n"
    assert list(differing(other, OWN)) == []


def test_a_quotation_is_compared_with_the_passages_of_its_page() -> None:
    link = "https://example.org/linker"
    passage = Passage(
        PassageKind.ARTICLE,
        "The linker keeps\nan index of symbols. It will end at the end of 2021.",
        link,
    )
    thread = Thread("hackernews", "1", "A linker", 0, "https://x.example", passages=(passage,))
    assert list(misquoted(OWN, {thread.uid: thread})) == []
    changed = OWN.replace("keeps an index", "keeps no index")
    assert [one.line for one in misquoted(changed, {thread.uid: thread})] == [7]
    changed = ENGLISH.replace("keeps an index", "keeps no index")
    assert [one.line for one in misquoted(changed, {thread.uid: thread})] == [4]
    assert list(misquoted(changed, {})) == []
