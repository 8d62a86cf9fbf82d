"""Search in Japanese and English, whatever the query holds."""

from __future__ import annotations

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from shiomi.digest.archive import Archive
from shiomi.digest.archive.folding import folded
from shiomi.digest.archive.matching import occurs
from shiomi.digest.archive.search import query_words
from shiomi.digest.thread import Passage, PassageKind, Reading, Thread
from tests.digest.archive.conftest import MANY, Empty, MakeThread


def found(archive: Archive, query: str) -> list[str]:
    return [hit.thread.id for hit in archive.search(query)]


def test_every_word_must_occur_in_any_order(archive: Archive, make: MakeThread) -> None:
    archive.add(
        [make(id="1", title="Open source models"), make(id="2", title="Open doors")], seen=1
    )
    assert found(archive, "models open") == ["1"]
    assert found(archive, "open") == ["1", "2"]
    assert found(archive, "open windows") == []


def test_words_may_stand_in_different_texts_of_a_thread(archive: Archive, make: MakeThread) -> None:
    text = Passage(PassageKind.COMMENT, "The licence is permissive.", "https://example.org/c")
    archive.add([make(title="A new database", passages=(text,))], seen=1)
    (hit,) = archive.search("database licence")
    assert hit.thread.id == "1"


def test_words_in_quotes_must_stand_together(archive: Archive, make: MakeThread) -> None:
    archive.add(
        [make(id="1", title="source of the open sea"), make(id="2", title="open source")], seen=1
    )
    assert found(archive, '"open source"') == ["2"]
    assert set(found(archive, "open source")) == {"1", "2"}


@pytest.mark.parametrize("query", ["規制", "規", "AI規制", "動き", "ＡＩ", "AI", "欧州", "ai"])
def test_japanese_and_short_words_are_found(archive: Archive, make: MakeThread, query: str) -> None:
    archive.add(
        [make(id="ja", title="欧州のAI規制、ＡＩの動き"), make(id="no", title="Rust")], seen=1
    )
    assert found(archive, query) == ["ja"]


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("ai", ["word"]),
        ("c", ["c", "c#"]),
        ("c#", ["c#"]),
        ("go lang", ["go"]),
        ("AI 規制", ["ja"]),
    ],
)
def test_a_latin_word_of_one_or_two_letters_must_be_whole(
    archive: Archive, make: MakeThread, query: str, ids: list[str]
) -> None:
    titles = {"word": "AI in 2026", "part": "The main aim", "c": "C, again", "c#": "C# 14",
              "go": "The lang Go", "ago": "Long ago: lang", "ja": "欧州のAI規制"}  # fmt: skip
    archive.add([make(id=id_, title=title) for id_, title in titles.items()], seen=1)
    assert set(ids) <= set(found(archive, query)) <= {*ids, "ja"}


def test_an_old_thread_with_all_words_is_found_among_many_newer_ones_with_one(
    archive: Archive, make: MakeThread
) -> None:
    archive.add([make(id="old", title="A compiler for Rust", created=1)], seen=1)
    newer = [make(id=f"{word}{n}", title=f"{word} {n}", created=n)
             for word in ("compiler", "rust") for n in range(2, 2_500)]  # fmt: skip
    archive.add(newer, seen=1)
    assert found(archive, "rust compiler") == ["old"]


@pytest.mark.slow
def test_the_newest_threads_are_found_also_if_older_ones_are_archived_later(
    archive: Archive, make: MakeThread
) -> None:
    archive.add([make(id="new", title="Rust", created=9_000)], seen=1)
    archive.add([make(id=str(n), title="Rust", created=n) for n in range(2_100)], seen=1)
    assert found(archive, "rust")[0] == "new"


def test_a_word_written_wide_is_found_written_narrow(archive: Archive, make: MakeThread) -> None:
    archive.add([make(title="The GPT-5 launch")], seen=1)
    assert found(archive, "ＧＰＴ－５") == ["1"]


@pytest.mark.parametrize(
    ("title", "query"),
    [
        ("生成ＡＩの規制", "AI"),
        ("生成ＡＩの規制", "ai"),
        ("生成AIの規制", "ＡＩ"),
        ("ＣｈａｔＧＰＴを試す", "chatgpt"),
        ("ﾃﾞｰﾀﾍﾞｰｽの話", "データベース"),
        ("データベースの話", "ﾃﾞｰﾀﾍﾞｰｽ"),
        ("ｶﾞﾗｽ", "ガ"),
        ("ガラス", "ｶﾞ"),
        ("㍿エーアイ", "株式会社"),
        ("第①回", "第1回"),
        ("ÜBER-Café", "über-café"),
        ("Été", "ét"),
        ("Ink\u00a0as a service", '"ink as"'),
        ("Cafe\u0301 society", "café"),
    ],
)
def test_texts_and_queries_meet_whatever_width_and_case_each_is_written_in(
    archive: Archive, make: MakeThread, title: str, query: str
) -> None:
    text = Passage(PassageKind.COMMENT, title, "https://example.org/c")
    archive.add(
        [
            make(id="title", title=title),
            make(id="passage", title="-", passages=(text,)),
            make(id="no", title="Rust"),
        ],
        seen=1,
    )
    assert found(archive, query) == ["title", "passage"]


def test_what_is_found_folded_is_shown_as_it_is_written(archive: Archive, make: MakeThread) -> None:
    text = "㍿" * 300 + "ここにﾃﾞｰﾀﾍﾞｰｽとＡＩがある" + "…" * 300
    comment = Passage(PassageKind.COMMENT, text, "https://example.org/c")
    archive.add([make(title="ＡＩの話"), make(id="2", title="-", passages=(comment,))], seen=1)
    assert [hit.snippet for hit in archive.search("ai 話")] == ["ＡＩの話"]
    (hit,) = archive.search("データベース")
    assert "ここにﾃﾞｰﾀﾍﾞｰｽとＡＩがある" in hit.snippet
    assert len(hit.snippet) < 300


def test_a_word_given_in_two_widths_is_one_word(archive: Archive, make: MakeThread) -> None:
    archive.add([make(title="AIの話")], seen=1)
    (once,), (twice,) = archive.search("AI"), archive.search("AI ＡＩ ai")
    assert twice.rank == once.rank


def test_a_text_that_was_replaced_is_found_no_more_in_any_width(
    archive: Archive, make: MakeThread
) -> None:
    for seen, text in enumerate(("ｱｯﾌﾟﾙの話", "ｶﾞﾗｽの話")):
        passage = Passage(PassageKind.POST, text, "https://example.org/c")
        archive.add([make(passages=(passage,))], seen=seen)
    assert found(archive, "アップル") == found(archive, "ｱｯﾌﾟﾙ") == []
    assert found(archive, "ガラス") == ["1"]


def test_a_title_the_thread_no_longer_has_is_found_and_shown(
    archive: Archive, make: MakeThread
) -> None:
    archive.add([make(title="HP ends its customers' lives")], seen=1)
    archive.add([make(title="Ink as a service")], seen=2)
    (hit,) = archive.search("customers")
    assert hit.thread.title == "Ink as a service"
    assert hit.snippet == "HP ends its customers' lives"


def test_text_of_a_thread_is_found_and_shown_where_the_words_are(
    archive: Archive, make: MakeThread
) -> None:
    text = "x " * 500 + "the borrow checker is the point" + " y" * 500
    archive.add([make(passages=(Passage(PassageKind.ARTICLE, text, "https://e.org/"),))], seen=1)
    (hit,) = archive.search("borrow checker")
    assert "borrow checker is the point" in hit.snippet
    assert len(hit.snippet) < 300
    assert hit.snippet.startswith("…")
    assert hit.snippet.endswith("…")


@pytest.mark.parametrize(
    "query",
    [
        "*", "NEAR(", "a AND OR NOT b", '"', '""', '"unclosed phrase', "title:x", "^x", "{a b}: c",
        "%", "_", "\\", "' OR 1=1 --", "\0", "\ud800", "a\0b", "-x", "+", "()", "x" * 100_000,
        " ".join(f"word{n}" for n in range(5_000)), "\u202e", "　", "",
    ],
)  # fmt: skip
def test_hostile_syntax_is_text_and_never_an_error(
    archive: Archive, make: MakeThread, query: str
) -> None:
    archive.add([make(title="Nothing of the kind")], seen=1)
    assert archive.search(query) == []


@pytest.mark.parametrize("query", ["100%", "%", "a_b", "_", "C:\\", "\\", '5" disk', 'NEAR("x")'])
def test_marks_are_found_as_they_are(archive: Archive, make: MakeThread, query: str) -> None:
    title = 'a_b 100% on C:\\ with a 5" disk NEAR("x")'
    archive.add([make(id="1", title=title), make(id="2", title="abc 1000 C drive disc")], seen=1)
    assert found(archive, query) == ["1"]


def test_a_title_comes_before_a_comment_and_a_whole_word_before_a_part(
    archive: Archive, make: MakeThread
) -> None:
    comment = Passage(PassageKind.COMMENT, "I rewrote it in Rust", "https://example.org/c")
    archive.add(
        [
            make(id="comment", title="Databases", passages=(comment,), created=9_000),
            make(id="part", title="Trusting trust", created=9_000),
            make(id="word", title="Rust", created=1),
        ],
        seen=1,
    )
    assert found(archive, "rust") == ["word", "part", "comment"]


def test_equal_matches_are_ordered_by_points_then_newest_then_uid(
    archive: Archive, make: MakeThread
) -> None:
    archive.add(
        [
            make(id="b", title="Rust", created=5),
            make(id="a", title="Rust", created=5),
            make(id="new", title="Rust", created=6),
            make(id="liked", title="Rust", created=1, readings=(Reading(2, 500, 3),)),
        ],
        seen=1,
    )
    assert found(archive, "rust") == ["liked", "new", "a", "b"]


def test_results_can_be_bounded(archive: Archive, make: MakeThread) -> None:
    archive.add([make(id=str(n), title="Rust", created=n) for n in range(10)], seen=1)
    archive.add([make(id="l", title="Rust", created=5, community="lobsters")], seen=1)
    hits = archive.search("rust", since=3, until=6, community="hackernews")
    assert [hit.thread.id for hit in hits] == ["5", "4", "3"]
    assert len(archive.search("rust", limit=4)) == 4
    assert archive.search("rust", limit=0) == []


def test_more_threads_than_are_ranked_can_be_asked_for(archive: Archive, make: MakeThread) -> None:
    archive.add([make(id=str(n), title="Rust", created=n) for n in range(1_500)], seen=1)
    assert len(archive.search("rust", limit=1_400)) == 1_400


def test_a_quote_within_a_word_is_part_of_it() -> None:
    assert query_words('"open source" a"b " "c') == ["open source", 'a"b', '"', "c"]


def test_a_title_with_quotes_in_it_is_found_by_the_whole_of_it_in_quotes(
    archive: Archive, make: MakeThread
) -> None:
    archive.add([make(title='Why "open" weights "matter"')], seen=1)
    assert found(archive, '"Why "open" weights "matter""') == ["1"]


@pytest.mark.slow
@settings(MANY, max_examples=100)
@given(st.data())
def test_a_title_is_found_by_any_part_of_it_of_three_characters_or_more(
    empty: Empty, data: st.DataObject
) -> None:
    title = data.draw(st.text(min_size=3, max_size=30))
    start = data.draw(st.integers(0, len(title) - 3))
    end = data.draw(st.integers(start + 3, len(title)))
    part = title[start:end]
    assume(part.strip())
    assume(all(len(word) > 2 for word in query_words(part)))  # short Latin words must be whole
    # a cut between a letter and the mark on it makes other letters of both
    assume(folded(title) == folded(title[:start]) + folded(part) + folded(title[end:]))
    thread = Thread("hackernews", "1", title, 1, "https://example.org/")
    with empty() as archive:
        archive.add([thread], seen=1)
        assert [hit.thread.id for hit in archive.search(part)] == ["1"]


@pytest.mark.parametrize(
    ("text", "word", "found"),
    [
        ("rust in rusty", "rust", 1.0),
        ("rusty trust", "rust", 0.8),
        ("c++ and go", "c++", 1.0),
        ("c++11", "c++", 1.0),
        ("xc++", "c++", 0.8),
        ("good", "go", 0.0),
        ("let's go", "go", 1.0),
        ("ai規制の話", "規制", 1.0),
        ("rag規制ai", "ai", 1.0),
        ("x" * 1_000_000, "xxxx", 0.8),  # a million places, none of them a whole word
        ("", "a", 0.0),
    ],
)
def test_a_word_occurs_as_a_whole_or_within_longer_words(
    text: str, word: str, found: float
) -> None:
    assert occurs(text, word) == found
