"""Notifications reach every address once, by real HTTP, and are tried again after failures."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from shiomi.digest.archive import Archive
from shiomi.digest.archive.digests import DigestStore
from shiomi.digest.archive.freshness import Freshness
from shiomi.digest.config import Config, NotifyConfig, parse_config
from shiomi.digest.document import Digest, Subject
from shiomi.digest.errors import ConfigError
from shiomi.digest.week import Week
from shiomi.service.notify import check_addresses, notify, send_by_apprise
from tests.digest.sources.community import Community, Reply, running

# apprise imports it where there is one.
pytestmark = pytest.mark.filterwarnings("ignore:.imghdr. is deprecated:DeprecationWarning")

WEEK = Week(date(2026, 11, 22))
NOW = WEEK.end + 3600
FAILING = Freshness("reddit", "reddit/LocalLLaMA", "new", 1, 4, "answered 403", True)


@pytest.fixture
def archive() -> Iterator[Archive]:
    with Archive.open(":memory:") as opened:
        digest = Digest(WEEK, "ja", NOW, (), (), (Subject("Rust", (), (), rising=True),))
        DigestStore(opened, "ja").finish(digest, "")
        yield opened


@pytest.fixture
def hook() -> Iterator[Community]:
    with running(Community()) as server:
        server.routes["/hook"] = Reply(b"ok")
        yield server


def config(hook: Community) -> Config:
    address = hook.url.replace("http://", "json://") + "/hook"
    return Config(notify=NotifyConfig(urls=(address,)), site="https://example.org/digest/")


def titles(hook: Community) -> list[str]:
    return [json.loads(asked.body)["title"] for asked in hook.asked]


@pytest.mark.slow
def test_each_thing_is_told_once(archive: Archive, hook: Community) -> None:
    for _ in range(3):
        notify(archive, config(hook), [FAILING], NOW, send_by_apprise)
    assert titles(hook) == [
        "海外コミュニティ動向 - 2026-11-22",
        "Rustが増えています (2026-11-22)",
        "取得に失敗しています: Reddit (r/LocalLLaMA) new",
    ]
    assert "https://example.org/digest/2026-11-22.html" in json.loads(hook.asked[0].body)["message"]


def test_a_failure_is_told_again_only_after_the_feed_was_read(
    archive: Archive, hook: Community
) -> None:
    read = Freshness("reddit", "reddit/LocalLLaMA", "new", NOW, 0, None, False)
    for feed in (FAILING, FAILING, read, FAILING):
        notify(archive, config(hook), [feed], NOW, send_by_apprise)
    assert sum("LocalLLaMA" in title for title in titles(hook)) == 2


def test_a_message_that_failed_is_tried_again_later_and_a_limited_number_of_times(
    archive: Archive, hook: Community
) -> None:
    hook.routes["/hook"] = Reply(b"", 500)
    moments = range(NOW, NOW + 7200, 30)
    for now in moments:
        notify(archive, config(hook), [], now, send_by_apprise)
    assert len(hook.asked) == 2 * 6
    hook.asked.clear()
    hook.routes["/hook"] = Reply(b"ok")
    notify(archive, config(hook), [], NOW + 8000, send_by_apprise)
    assert hook.asked == []


def test_an_old_digest_is_no_news(archive: Archive, hook: Community) -> None:
    notify(archive, config(hook), [], WEEK.end + 9 * 86400, send_by_apprise)
    assert hook.asked == []


def test_an_interrupted_message_is_not_sent_twice(archive: Archive, hook: Community) -> None:
    def killed(address: str, title: str, text: str) -> bool:
        send_by_apprise(address, title, text)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        notify(archive, config(hook), [], NOW, killed)
    notify(archive, config(hook), [], NOW + 9999, send_by_apprise)
    assert len(titles(hook)) == len(set(titles(hook))) == 2


@pytest.mark.slow
@pytest.mark.parametrize(
    "address",
    [
        "mailtos://me:pass@mail.example.org?to=team@example.org",
        "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/%23general",
        "discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js",
        "workflows://prod.example.org:443/643A8973/IO-8hash3l9vsf/",  # Teams
        "ntfys://ntfy.sh/topic",
        "jsons://example.org/hook",
    ],
)
def test_the_addresses_of_the_page_are_known(address: str, tmp_path: Path) -> None:
    check_addresses(Config(notify=NotifyConfig(urls=(address,))))
    (tmp_path / "hook").write_text(address)
    check_addresses(parse_config(f'[notify]\nurls = ["file:{tmp_path / "hook"}"]'))


def test_a_wrong_address_is_refused_without_showing_it() -> None:
    with pytest.raises(ConfigError, match=r"notify\.urls\[0\] is not an address") as caught:
        check_addresses(Config(notify=NotifyConfig(urls=("nosuch://me:hunter2@x",))))
    assert "hunter2" not in str(caught.value)
