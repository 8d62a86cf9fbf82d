"""JSON carries the whole document, both ways."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from shiomi.digest.document import Digest
from shiomi.digest.render import render_json

MakeDigest = Callable[[str, str], Digest]


def parse_json(text: str) -> Digest:
    return msgspec.convert(json.loads(text)["digest"], Digest)


def test_a_digest_comes_back_whole(sample: Digest) -> None:
    assert parse_json(render_json(sample)) == sample


def test_the_schema_is_named_and_unknown_counts_are_null(sample: Digest) -> None:
    document = json.loads(render_json(sample))
    assert document["schema"] == "shiomi.digest/1"
    [reading] = document["digest"]["topics"][1]["story"]["threads"][0]["readings"]
    assert reading["comments"] is None


@given(text=st.text(st.characters(codec="utf-8")))
def test_any_text_comes_back_and_nothing_unseen_stands_in_the_file(
    text: str, hostile: MakeDigest
) -> None:
    digest = hostile(text, "https://a.example/")
    printed = render_json(digest)
    assert parse_json(printed) == digest
    assert not re.search(
        "[\x00-\x09\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]", printed
    )


def test_a_lone_surrogate_becomes_the_replacement_character(hostile: MakeDigest) -> None:
    printed = render_json(hostile("a\ud800b", "https://a.example/"))
    assert parse_json(printed).topics[0].title == "a\ufffdb"


def test_an_address_that_runs_a_script_is_left_out(hostile: MakeDigest) -> None:
    printed = render_json(hostile("a", "javascript:alert(1)"))
    assert "javascript:" not in printed
