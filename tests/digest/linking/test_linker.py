"""The judgement of pairs."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shiomi.digest.errors import LinkingError
from shiomi.digest.linking import Linker, reasons
from shiomi.digest.linking import model as model_module
from shiomi.digest.linking.features import GRID
from shiomi.digest.linking.linker import SAME_STORY, kind_of
from shiomi.digest.linking.model import SLACK, load_model, shipped_model
from shiomi.digest.story import LinkKind
from shiomi.digest.thread import Thread
from tests.digest.linking.conftest import make_thread

any_title = st.text(st.characters(exclude_categories=()), max_size=40)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("Announcing Rust 1.45.0", "Rust 1.45 released"),
        ("Plundervolt: Software-Based Fault Injection Attacks Against Intel SGX", "Plundervolt - "
         "Software-based Fault Injection Attacks against Intel SGX"),
        ("日本語に強い新しい大規模言語モデルを公開", "日本語に強い大規模言語モデルを新しく公開"),
    ],
)  # fmt: skip
def test_one_story_told_twice_is_more_probable_than_not(linker: Linker, a: str, b: str) -> None:
    pair = [make_thread("hackernews:1", a)], [make_thread("lobsters:2", b, day=0.2)]
    assert linker.judge(*pair)[0][0, 0] > 0.5


def test_two_stories_with_one_common_word_are_not_one(linker: Linker) -> None:
    a = [make_thread("hackernews:1", "Firefox 70 — a bountiful release for all")]
    b = [make_thread("lobsters:2", "Dramatically reduced power usage in Firefox", day=0.2)]
    assert linker.judge(a, b)[0][0, 0] < SAME_STORY


@pytest.mark.slow
@settings(max_examples=60)
@given(st.lists(st.tuples(any_title, any_title, st.integers(-9, 9)), min_size=1, max_size=8))
def test_the_score_is_a_function_of_the_pair_alone_and_of_no_order(
    pairs: list[tuple[str, str, int]],
) -> None:
    linker = Linker.load()
    a = [make_thread("hackernews:1", one) for one, _, _ in pairs]
    b = [make_thread("lobsters:2", two, day=day) for _, two, day in pairs]
    together = linker.judge(a, b)[0]
    assert np.isfinite(together).all()
    assert ((together >= 0) & (together <= 1)).all()
    assert np.allclose(together, linker.judge(b, a)[0], atol=1e-5)
    alone = [Linker.load().judge([x], [y])[0][0] for x, y in zip(a, b, strict=True)]
    assert np.allclose(together, alone, atol=1e-5)


@pytest.mark.parametrize(
    "title", ["", "\0", "\ud800", "\u202egnirts", "🎉" * 300, "x" * 10_000, "a " * 5_000]
)
def test_a_hostile_title_is_judged_like_any_other(linker: Linker, title: str) -> None:
    hostile = [make_thread("hackernews:1", title)]
    plain = [make_thread("lobsters:2", "A plain title")]
    assert 0 <= linker.judge(hostile, plain)[0][0, 0] < 0.5


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("Clean your Rails routes: nesting", "Clean your Rails routes: grouping"),
        ("Email is broken", "Email is not broken"),
        ("Facebook results 2019 Q4", "Tesla results 2019 Q4"),
        ("San Francisco bans face recognition", "My thoughts on San Francisco's face recognition"),
    ],
)
def test_one_word_can_make_another_story(linker: Linker, a: str, b: str) -> None:
    one = make_thread("hackernews:1", a, url="https://a.example/posts/one")
    two = make_thread("lobsters:2", b, day=0.2, url="https://b.example/posts/two")
    assert linker.judge([one], [two])[0][0, 0] < SAME_STORY


def test_one_event_at_two_outlets_is_one_story(linker: Linker) -> None:
    one = make_thread(
        "hackernews:1",
        "Kickstarter Workers Vote to Unionize",
        url="https://techcrunch.com/2020/02/18/kickstarter-workers-vote-to-unionize/",
    )
    two = make_thread(
        "lobsters:2",
        "Kickstarter employees vote to unionize",
        day=0.1,
        url="https://www.vice.com/en_us/article/kickstarter-employees-win-historic-union-election",
    )
    assert linker.judge([one], [two])[0][0, 0] >= SAME_STORY


def test_reasons_name_what_moved_the_judgement_strongest_first(linker: Linker) -> None:
    one = make_thread("hackernews:1", "Kickstarter Workers Vote to Unionize", url="https://a.org/x")
    two = make_thread("lobsters:2", "Kickstarter employees vote to unionize", day=0.1)
    found = reasons(linker, one, two)
    assert found == reasons(linker, two, one)
    assert [abs(r.odds) for r in found] == sorted((abs(r.odds) for r in found), reverse=True)
    titles = next(reason for reason in found if reason.group == "titles")
    assert titles.odds > 0
    assert "kickstarter" in titles.text


def test_a_guarded_pair_is_related_at_most() -> None:
    assert kind_of("Sizes, part 1", "Sizes, part 2", 0.999) is LinkKind.RELATED
    assert kind_of("Sizes", "Sizes", 0.999) is LinkKind.SAME_STORY
    assert kind_of("Sizes", "Sizes", SAME_STORY - 0.01) is LinkKind.RELATED


def test_the_error_of_single_precision_is_less_than_the_slack() -> None:
    model = shipped_model()
    error = np.full(len(model.mean), 0.5 / GRID)  # the rounding of each exact layer
    for weight in model.weights:
        error = np.abs(weight).T @ error + 0.5 / GRID
    assert error[0] < SLACK


@pytest.mark.slow
def test_the_cheap_step_loses_no_tie_of_a_month(
    shared_data: Path, linker: Linker, monkeypatch: pytest.MonkeyPatch
) -> None:
    with gzip.open(shared_data / "digest/linkbench/threads-dev.jsonl.gz", "rt") as file:
        rows = [json.loads(line) for line in file]
    rows = [row for row in rows if 0 <= row["t"] - 1_580_000_000 < 30 * 86400]
    threads = [
        Thread(row["c"], row["uid"], row["title"], row["t"], "https://example.org/", row["url"])
        for row in rows
    ]
    created = np.array([thread.created for thread in threads], np.int64)
    everything = np.ones(len(threads), np.bool_)
    pairs = linker.pairs([thread.title for thread in threads], created, everything)
    with_step = list(linker.ties(threads, *pairs))
    assert len(with_step) > 1000
    monkeypatch.setattr(model_module, "SLACK", 1e9)
    assert list(linker.ties(threads, *pairs)) == with_step


def test_a_missing_model_is_named_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(LinkingError, match=r"model\.npz is missing; install Shiomi anew"):
        load_model(tmp_path / "model.npz")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut", b"not a model"])
def test_a_damaged_model_is_named_as_damaged(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "model.npz"
    path.write_bytes(content)
    with pytest.raises(LinkingError, match="is damaged"):
        load_model(path)


def test_a_model_of_other_features_is_not_used(tmp_path: Path) -> None:
    path = tmp_path / "model.npz"
    np.savez(path, format=2, features=np.array(["length"]))
    with pytest.raises(LinkingError, match="its features are others"):
        load_model(path)


def test_an_array_that_would_run_code_is_not_loaded(tmp_path: Path) -> None:
    path = tmp_path / "model.npz"
    np.savez(path, format=np.array([print], dtype=object))
    with pytest.raises(LinkingError, match="is damaged"):
        load_model(path)
