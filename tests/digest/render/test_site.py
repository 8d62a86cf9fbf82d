"""The site is a function of its digests."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

from shiomi.digest.document import Digest
from shiomi.digest.languages import Language
from shiomi.digest.publishing import publish
from shiomi.digest.render import render_site
from tests.digest.render.test_structured import parse_json


def weeks(sample: Digest) -> list[Digest]:
    return [
        replace(sample, week=sample.week.before(n), as_of=sample.as_of - n * 604_800)
        for n in range(4)
    ]


def test_every_digest_has_its_three_files_beside_index_and_feeds(
    sample: Digest, ja: Language
) -> None:
    files = render_site([sample], ja)
    assert sorted(files) == [
        "2025-11-16.html",
        "2025-11-16.json",
        "2025-11-16.md",
        "atom.xml",
        "feed.json",
        "index.html",
    ]
    assert parse_json(files["2025-11-16.json"]) == sample


def test_the_same_digests_in_any_order_give_the_same_bytes(sample: Digest, ja: Language) -> None:
    digests = weeks(sample)
    shuffled = random.Random(1).sample(digests, len(digests))
    assert render_site(digests, ja) == render_site(shuffled, ja)


def test_of_two_digests_of_one_week_the_later_read_stands(sample: Digest, ja: Language) -> None:
    later = replace(sample, as_of=sample.as_of + 60, topics=())
    files = render_site([later, sample], ja)
    assert parse_json(files["2025-11-16.json"]) == later


def test_every_link_between_the_files_leads_to_a_file(
    sample: Digest, ja: Language, tmp_path: Path
) -> None:
    files = render_site(weeks(sample), ja)
    publish(files, tmp_path)
    for name, text in files.items():
        if name.endswith(".html"):
            for part in text.split('href="')[1:]:
                target = part.partition('"')[0].partition("#")[0]
                if target and not target.startswith(("http", "data:")):
                    assert (tmp_path / target).is_file(), (name, target)


def test_no_digest_yet_is_a_site_too(ja: Language) -> None:
    assert sorted(render_site([], ja)) == ["atom.xml", "feed.json", "index.html"]
