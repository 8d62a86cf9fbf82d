"""Text posts that are links in disguise."""

from __future__ import annotations

import pytest

from shiomi.digest.archive import Archive
from shiomi.digest.linking import Linker, link_pending, stories
from shiomi.digest.linking.post import named_pages, only_address
from shiomi.digest.thread import Passage, PassageKind, Thread
from tests.digest.linking.conftest import make_thread

_PAGE = "https://openai.com/open-models"


@pytest.mark.parametrize(
    "text",
    [
        _PAGE,
        f"{_PAGE}/",
        f"It is out: {_PAGE}.",
        f"[{_PAGE}]({_PAGE})\n\nhttps://preview.redd.it/abc.png?width=800",
        f"{_PAGE} and once more http://www.openai.com/open-models",
    ],
)
def test_a_short_text_with_one_address_is_a_link_to_it(text: str) -> None:
    found = only_address(text)
    assert found is not None
    assert found.rstrip("/").endswith("openai.com/open-models")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "No address at all",
        f"{_PAGE} https://huggingface.co/openai/gpt-oss-120b",
        "https://i.redd.it/abc.png",
        "https://example.org/a/very/long/addre...",
        f"{_PAGE} is a page about which I have very much to say and so I go on and on",
    ],
)
def test_other_texts_are_no_links(text: str) -> None:
    assert only_address(text) is None


def _post(uid: str, title: str, text: str) -> Thread:
    community, _, id_ = uid.rpartition(":")
    passages = (Passage(PassageKind.POST, text, "https://example.org/"),) if text else ()
    return Thread(community, id_, title, 1_600_000_000, "https://example.org/", passages=passages)


@pytest.mark.parametrize("post_first", [True, False])
def test_a_post_that_only_names_a_page_is_one_story_with_a_thread_about_the_page(
    archive: Archive, linker: Linker, post_first: bool
) -> None:
    post = _post("reddit/LocalLLaMA:1", "The long-awaited models are here!", _PAGE)
    link = make_thread("hackernews:2", "Open models by OpenAI", url=_PAGE)
    for thread in (post, link) if post_first else (link, post):
        archive.add([thread], seen=1_700_000_000)
        link_pending(archive, linker)
    (story,) = stories(archive, 1_600_000_000, 1_600_000_001)
    assert len(story.threads) == 2


def test_a_text_that_arrives_later_is_read(archive: Archive, linker: Linker) -> None:
    link = make_thread("hackernews:2", "Open models by OpenAI", url=_PAGE)
    archive.add([_post("reddit/LocalLLaMA:1", "Look!", ""), link], seen=1_700_000_000)
    link_pending(archive, linker)
    archive.add([_post("reddit/LocalLLaMA:1", "Look!", _PAGE)], seen=1_700_000_100)
    assert link_pending(archive, linker).threads == 1
    assert len(stories(archive, 1_600_000_000, 1_600_000_001)) == 1


@pytest.mark.parametrize("post_first", [True, False])
def test_a_longer_post_is_related_to_a_thread_about_a_page_that_it_names(
    archive: Archive, linker: Linker, post_first: bool
) -> None:
    post = _post("reddit/LocalLLaMA:1", "My first evening with it", f"I tried {_PAGE}. " * 9)
    link = make_thread("hackernews:2", "Open models by OpenAI", url=f"{_PAGE}/?utm_source=x")
    for thread in (post, link) if post_first else (link, post):
        archive.add([thread], seen=1_700_000_000)
        link_pending(archive, linker)
    one, other = stories(archive, 1_600_000_000, 1_600_000_001)
    assert one.related == ("reddit/LocalLLaMA:1",)
    assert other.related == ("hackernews:2",)


def test_two_posts_that_name_one_page_are_not_tied(archive: Archive, linker: Linker) -> None:
    text = f"There is much to say about {_PAGE}. " * 9
    posts = [_post(f"reddit/LocalLLaMA:{n}", t, text) for n, t in enumerate(("Look", "Knitting"))]
    archive.add(posts, seen=1_700_000_000)
    link_pending(archive, linker)
    assert all(not one.related for one in stories(archive, 1_600_000_000, 1_600_000_001))


def test_home_pages_and_lists_of_many_pages_are_not_named() -> None:
    pages = [f"https://example.org/{n}" for n in range(4)]
    assert named_pages(f"{pages[0]}/, {pages[1]} and http://www.example.org/1") == tuple(pages[:2])
    assert named_pages(" ".join(pages)) == ()
    assert named_pages("See https://livebench.ai/ for more") == ()
