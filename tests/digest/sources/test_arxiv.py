"""arXiv, against a server that answers as export.arxiv.org did when recorded."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from shiomi.digest.config import ArxivConfig
from shiomi.digest.errors import SourceError
from shiomi.digest.sources.answer import Answer
from shiomi.digest.sources.arxiv import Arxiv, read_papers, thread_of_entry
from shiomi.digest.sources.source import Batch
from shiomi.digest.thread import PassageKind, Thread

from .community import Asked, Community, Reply, html

DATA = Path(__file__).parents[2] / "data" / "sources"
ATOM = (("Content-Type", "application/atom+xml; charset=utf-8"),)
UNTIL = 1_780_000_000
SINCE = UNTIL - 8 * 86400


def recorded(name: str) -> Reply:
    told = json.loads((DATA / f"arxiv_{name}.json").read_text("utf-8"))
    return Reply(told["body"].encode(), told["status_code"], ATOM)


def answer(name: str) -> Answer:
    reply = recorded(name)
    return Answer("http://x/", reply.status, {}, reply.body, 0)


def entry(number: int, published: str = "2026-05-28T00:00:00Z", **more: str) -> str:
    told = {"title": f"Paper {number}", "summary": "We show  that\n  it is so.", **more}
    return f"""<entry><id>http://arxiv.org/abs/2605.{number:05}v2</id>
    <title>{told["title"]}</title><published>{published}</published>
    <summary>{told["summary"]}</summary><author><name>A. Person</name></author>
    <category term="cs.LG"/><category term="stat.ML"/><category term="cs.LG"/></entry>"""


def feed(entries: str, total: int) -> Reply:
    body = f"""<?xml version="1.0" encoding="UTF-8"?>
    <feed xmlns="http://www.w3.org/2005/Atom"
          xmlns:opensearch="http://a9.com/-/spec/opensearch/1.1/">
    <opensearch:totalResults>{total}</opensearch:totalResults>{entries}</feed>"""
    return Reply(body.encode(), 200, ATOM)


def papers(count: int) -> Any:
    """A query with `count` papers."""

    def query(asked: Asked) -> Reply:
        start, size = int(asked.query["start"]), int(asked.query["max_results"])
        return feed("".join(entry(n) for n in range(start, min(start + size, count))), count)

    return query


def collected(community: Community, cursor: str | None = None, **settings: Any) -> list[Batch]:
    config = ArxivConfig(endpoint=f"{community.url}/api", **settings)
    source = Arxiv(config)
    with community.http("arxiv", manners=source.manners) as http:
        return list(source.collect(http, SINCE, UNTIL, cursor))


def threads(batches: list[Batch]) -> list[Thread]:
    return [thread for batch in batches for thread in batch.threads]


def test_a_recorded_paper_is_read_whole() -> None:
    entries, total = read_papers(answer("one_paper"))
    assert total == 1
    thread = thread_of_entry(entries[0])
    assert thread is not None
    assert thread.uid == "arxiv:1605.08386"  # without the version
    assert thread.title == "Heat-bath random walks with Markov bases"
    assert thread.created == 1464285586
    assert thread.link == thread.url == "https://arxiv.org/abs/1605.08386"
    assert thread.tags == ("math.CO", "math.ST")
    assert thread.readings == ()  # arXiv shows no counts: unknown
    (abstract,) = thread.passages
    assert abstract.kind is PassageKind.ABSTRACT
    assert abstract.text.startswith("Graphs on lattice points are studied")


def test_an_old_id_with_a_slash_keeps_it() -> None:
    old = feed(entry(1).replace("2605.00001v2", "hep-th/9901001v3"), 1)
    entries, _ = read_papers(Answer("", 200, {}, old.body, 0))
    thread = thread_of_entry(entries[0])
    assert thread is not None
    assert thread.uid == "arxiv:hep-th/9901001"


def test_white_space_in_title_and_abstract_is_collapsed(community: Community) -> None:
    community.routes["/api/query"] = feed(entry(1, title="A\n  title of\n two lines"), 1)
    (thread,) = threads(collected(community))
    assert thread.title == "A title of two lines"
    assert thread.passages[0].text == "We show that it is so."
    assert thread.tags == ("cs.LG", "stat.ML")


def test_the_query_asks_for_the_categories_and_the_window(community: Community) -> None:
    community.routes["/api/query"] = papers(1)
    collected(community, categories=("cs.LG", "stat.ML"))
    assert community.asked[0].query["search_query"] == (
        "(cat:cs.LG OR cat:stat.ML) AND submittedDate:[202605202026 TO 202605282026]"
    )


def test_slices_keep_three_seconds_and_one_connection(community: Community) -> None:
    community.routes["/api/query"] = papers(250)
    batches = collected(community)
    assert [len(batch.threads) for batch in batches] == [100, 100, 50]
    assert community.clock.slept == [3.0, 3.0]
    assert len({asked.connection for asked in community.asked}) == 1


def test_no_more_papers_are_asked_for_than_configured(community: Community) -> None:
    community.routes["/api/query"] = papers(100_000)
    assert len(threads(collected(community, max_results=130))) == 130


def test_a_run_goes_on_from_any_slice(community: Community) -> None:
    community.routes["/api/query"] = papers(250)
    whole = collected(community)
    for stopped in range(len(whole)):
        rest = collected(community, whole[stopped].cursor)
        assert threads([*whole[: stopped + 1], *rest]) == threads(whole)


def test_an_error_entry_with_status_400_is_an_error_and_never_a_paper(community: Community) -> None:
    community.routes["/api/query"] = recorded("error")
    with pytest.raises(SourceError, match="incorrect id format for abc"):
        collected(community)
    assert len(community.asked) == 1


def test_an_error_entry_with_status_200_is_an_error_too(community: Community) -> None:
    community.routes["/api/query"] = Reply(recorded("error").body, 200, ATOM)
    with pytest.raises(SourceError, match="incorrect id format for abc"):
        collected(community)


def test_an_empty_first_page_is_asked_again_and_its_papers_are_had(community: Community) -> None:
    community.routes["/api/query"] = [recorded("unknown_id"), feed("", 0), feed(entry(1), 1)]
    assert [thread.id for thread in threads(collected(community))] == ["2605.00001"]


def test_an_empty_first_page_is_believed_when_it_stays_empty(community: Community) -> None:
    community.routes["/api/query"] = recorded("unknown_id")
    assert threads(collected(community)) == []
    assert len(community.asked) == 3


def test_an_empty_page_among_papers_is_never_believed(community: Community) -> None:
    def query(asked: Asked) -> Reply:
        return feed("", 250) if asked.query["start"] == "100" else every(asked)

    every = papers(250)
    community.routes["/api/query"] = query
    with pytest.raises(SourceError, match=r"an empty page \(250 papers stated\), 5 times"):
        collected(community)
    assert len(community.asked) == 1 + 5


def test_papers_outside_the_window_are_left_out(community: Community) -> None:
    outside = entry(2, "2026-05-01T00:00:00Z") + entry(3, "2026-06-30T00:00:00Z")
    community.routes["/api/query"] = feed(entry(1) + outside, 3)
    assert [thread.id for thread in threads(collected(community))] == ["2605.00001"]


def test_damaged_entries_are_left_out_and_counted(community: Community) -> None:
    bad = (
        entry(2).replace("http://arxiv.org/abs/", "http://evil.example/")
        + entry(3, title=" ")
        + entry(4, "yesterday")
        + "<entry/>"
    )
    community.routes["/api/query"] = feed(entry(1) + bad, 5)
    (batch,) = collected(community)
    assert [thread.id for thread in batch.threads] == ["2605.00001"]
    assert batch.skipped == 4


def test_a_wave_of_503_is_waited_out(community: Community) -> None:
    busy = Reply(b"<h1>busy</h1>", 503, (("Retry-After", "5"),))
    community.routes["/api/query"] = [busy, busy, feed(entry(1), 1)]
    assert len(threads(collected(community))) == 1
    assert sum(community.clock.slept) >= 10


def test_a_page_of_a_wall_is_named(community: Community) -> None:
    community.routes["/api/query"] = html("<!doctype html><title>Rate exceeded.</title>")
    with pytest.raises(SourceError, match="Rate exceeded"):
        collected(community)


@pytest.mark.parametrize("category", ["", "cs.LG OR all:x", "cs LG", "CS.LG)", "cs.LG\n"])
def test_what_is_no_category_is_refused(category: str) -> None:
    with pytest.raises(SourceError, match="is no category"):
        Arxiv(ArxivConfig(categories=(category,)))


# Hand-made from the documented shape of https://rss.arxiv.org/atom/.
ANNOUNCED = """<feed xmlns="http://www.w3.org/2005/Atom" xmlns:arxiv="http://arxiv.org/schemas/atom">
<entry><id>oai:arXiv.org:2605.00001v1</id><title>Paper 1</title>
<link href="https://arxiv.org/abs/2605.00001" rel="alternate" type="text/html"/>
<summary>arXiv:2605.00001v1 Announce Type: new
Abstract: We show  that it is so.</summary><category term="cs.LG"/>
<published>2026-05-28T00:00:00-04:00</published>
<arxiv:announce_type>new</arxiv:announce_type></entry>
<entry><id>oai:arXiv.org:2401.00002v7</id><title>Old</title><summary>x</summary>
<published>2026-05-28T00:00:00-04:00</published>
<arxiv:announce_type>replace</arxiv:announce_type></entry></feed>"""


def test_in_a_wave_of_429_the_papers_of_the_day_are_read_from_the_feed(
    community: Community,
) -> None:
    community.routes |= {
        "/query": Reply(b"", 429),
        "/atom/cs.LG+cs.CL": Reply(ANNOUNCED.encode(), 200, ATOM),
    }
    reader = Arxiv(ArxivConfig(endpoint=community.url, feed_endpoint=f"{community.url}/atom"))
    batches: list[Batch] = []
    with community.http("arxiv", manners=reader.manners) as http:
        collecting = reader.collect(http, SINCE, UNTIL, None)
        batches.append(next(collecting))
        with pytest.raises(SourceError, match=r"429.*the 1 papers announced today were read"):
            batches.extend(collecting)
    (paper,) = batches[0].threads
    assert (paper.uid, paper.link) == ("arxiv:2605.00001", "https://arxiv.org/abs/2605.00001")
    assert paper.passages[0].text == "We show that it is so."
    assert min(community.clock.slept) >= 3.0
