"""Quotations: central, different from each other, word for word."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from shiomi.digest.writing.evidence import Item, ItemKind
from shiomi.digest.writing.extract import extract
from tests.digest.writing.independent import squeezed

THREAD = [
    ("Thanks for sharing, great post!", ItemKind.COMMENT),
    ("The file system compresses redundant data by looking for similar blocks first.",
     ItemKind.ARTICLE),
    ("Similar blocks of redundant data are found by the file system with a similarity hash.",
     ItemKind.COMMENT),
    ("A file system that compresses redundant data by similar blocks is what we need at work.",
     ItemKind.COMMENT),
    ("My cat walked over the keyboard while the kettle was boiling in the kitchen this morning.",
     ItemKind.COMMENT),
    ("Mounting it needs FUSE, so every read of a small file pays for a context switch.",
     ItemKind.COMMENT),
]  # fmt: skip


def items(rows: list[tuple[str, ItemKind]]) -> list[Item]:
    return [
        Item(n, kind, text, "lobsters:a", "lobsters", f"https://lobste.rs/c/{n}")
        for n, (text, kind) in enumerate(rows, 1)
    ]


def test_the_best_sentence_is_central_and_not_the_first_one() -> None:
    (best,) = extract(items(THREAD), most=1, about="A compressing file system")
    assert best.text.startswith("The file system compresses redundant data")


def test_quotations_do_not_repeat_each_other() -> None:
    chosen = [quote.text for quote in extract(items(THREAD), most=3, about="A file system")]
    assert len(chosen) == 3
    assert any("FUSE" in text for text in chosen)
    assert not any("Thanks" in text for text in chosen)


def test_a_quotation_taken_already_is_not_taken_again() -> None:
    (first,) = extract(items(THREAD), most=1)
    assert first not in extract(items(THREAD), most=6, without=[first.text])


def test_titles_are_no_quotations() -> None:
    title = Item(1, ItemKind.TITLE, "A title that would be a sentence of its own.", "a:1", "a", "")
    assert extract([title], most=3) == []


@given(st.permutations(THREAD))
def test_the_order_of_comments_does_not_change_which_sentence_is_best(
    rows: list[tuple[str, ItemKind]],
) -> None:
    about = "A compressing file system"
    assert extract(items(rows), most=1, about=about)[0].text == THREAD[1][0]


@given(st.lists(st.text(max_size=300), max_size=8))
def test_every_quotation_stands_word_for_word_in_its_source(texts: list[str]) -> None:
    rows = [(text, ItemKind.COMMENT) for text in texts]
    for quote in extract(items(rows), most=3):
        assert squeezed(quote.text.removesuffix("…")) in squeezed(visible_of(quote.item.text))


def visible_of(text: str) -> str:
    return "".join(c for c in text if c.isprintable() or c.isspace())
