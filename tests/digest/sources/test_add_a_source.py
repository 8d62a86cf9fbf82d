"""docs/digest/add-a-source.md: its settings, its source and its tests are run."""

from __future__ import annotations

import functools
import inspect
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

from shiomi.digest.archive import Archive
from shiomi.digest.config import Config, parse_config
from shiomi.digest.sources.collect import collect
from shiomi.digest.sources.http import new_client
from shiomi.digest.sources.known_feeds import feed_settings, known_feeds

from .community import Community, json_reply

PAGE = Path(__file__).parents[3] / "docs" / "digest" / "add-a-source.md"
BLOCKS: dict[str, str] = dict(
    re.findall(r"```python\n# (\S+)\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
)


def load(monkeypatch: pytest.MonkeyPatch, path: str, name: str, package: str) -> ModuleType:
    """The block of the page that stands for `path`, as the module `name`."""
    module = ModuleType(name)
    module.__package__ = package
    monkeypatch.setitem(sys.modules, name, module)
    exec(compile(BLOCKS[path], f"{PAGE}:{path}", "exec"), module.__dict__)
    return module


@pytest.fixture
def dev(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The source of the example."""
    return load(monkeypatch, "shiomi_devx.py", "shiomi_devx", "")


def test_the_pages_own_tests_pass(
    dev: ModuleType, monkeypatch: pytest.MonkeyPatch, community: Community
) -> None:
    tests = load(monkeypatch, "test_devx.py", "test_devx", "")
    found = [test for name, test in vars(tests).items() if name.startswith("test_")]
    assert len(found) == 3
    for test in found:
        test(**({"community": community} if inspect.signature(test).parameters else {}))


def test_the_example_is_collected_into_an_archive_and_goes_on_where_it_stopped(
    dev: ModuleType, community: Community
) -> None:
    article = {
        "title": "A title", "url": "https://dev.to/x/a-title", "comments_count": 2,
        "published_at": "2026-05-28T00:00:00Z",
    }  # fmt: skip
    broken = json_reply({}, 500)
    pages = [json_reply([{**article, "id": number}]) for number in (1, 2, 3)]
    community.routes["/articles/latest"] = [pages[0], *[broken] * 4, pages[1], pages[2]]
    source = dev.Dev({"endpoint": community.url})
    with Archive.open(":memory:") as archive:
        for expected, error in ((["1"], True), (["1", "2", "3"], False)):
            report = collect(
                archive,
                Config(),
                clock=community.clock,
                sleep=community.clock.sleep,
                client=functools.partial(new_client, trust_env=False),
                sources={"devx": lambda: source},
            )
            assert (report.sources[0].error is not None) is error
            assert [thread.id for thread in archive.threads(0, 2**40)] == expected
    assert community.asked[-1].query["page"] == "3"


def test_the_settings_of_the_page_can_be_read() -> None:
    tables = re.findall(r"```toml\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    feeds = [parse_config(table).feed for table in tables if table.startswith("[[feed]]")]
    assert [feed_settings(one).name for feed in feeds for one in feed] == [
        "my-blog", "github-releases/ggml-org/llama.cpp", "my-forum",
    ]  # fmt: skip
    listed = re.findall(r"^\| `([a-z-]+)` \|", PAGE.read_text("utf-8"), re.MULTILINE)
    assert set(listed) - {"known"} == set(known_feeds())
