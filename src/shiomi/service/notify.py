"""Send notifications about new digests, rising watches and failing feeds to any address that
apprise supports.

The due messages are computed from the archive each time. The archive also stores which messages
were sent, so a message is sent once, even after a crash. If sending fails, it is tried again later,
up to six times in all.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from shiomi.digest.archive import Archive
from shiomi.digest.archive.digests import DigestStore
from shiomi.digest.archive.freshness import Freshness
from shiomi.digest.archive.notices import NoticeStore
from shiomi.digest.config import Config, secret
from shiomi.digest.document import Digest
from shiomi.digest.errors import ConfigError
from shiomi.digest.thread import community_label
from shiomi.digest.untrusted import clean, shorten
from shiomi.digest.week import Week
from shiomi.extras import needs_extra
from shiomi.service.log import LOG

__all__ = ["Message", "Sender", "check_addresses", "messages", "notify", "send_by_apprise"]

_ATTEMPTS = 6
_PAUSE = 60  # seconds until the second attempt; doubled after each failure
_YOUNG = 8 * 86400  # a digest is announced up to this many seconds after the end of its week

Sender = Callable[[str, str, str], bool]
"""A function called with (address, title, text). It returns whether the message was accepted."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message. Two messages with the same key are about the same event."""

    key: str
    title: str
    text: str


def notify(
    archive: Archive,
    config: Config,
    feeds: Sequence[Freshness],
    now: int,
    send: Sender,
    *,
    unpublished: Collection[str] = (),
) -> dict[str, int]:
    """Send every due message to every address to which it was not sent yet.

    `unpublished` are the last days of the weeks whose digest is not published yet. Messages about
    them are not due.

    Return the number of messages that were "sent" and the number that "failed".
    """
    counts = {"sent": 0, "failed": 0}
    store = NoticeStore(archive)
    if not config.notify.urls:
        return counts
    for feed in feeds:
        if not feed.failures:  # the feed works again, so its next failure is announced
            store.forget_all(f"failure {feed.community} {feed.feed} ")
    for message in messages(archive, config, feeds, now, unpublished=unpublished):
        for number, stated in enumerate(config.notify.urls):
            address = secret(f"notify.urls[{number}]", stated)
            key = f"{message.key} to {_fingerprint(address)}"
            if not store.claim(key, now, attempts=_ATTEMPTS, pause=_PAUSE):
                continue
            try:
                sent = send(address, message.title, message.text.strip() or message.title)
            except Exception as error:  # an error of a plugin; its text may contain the address
                LOG.warning("a notification raised", extra={"kind": type(error).__name__})
                sent = False
            store.settle(key, sent=sent)
            counts["sent" if sent else "failed"] += 1
            if sent:
                LOG.info("notified", extra={"about": message.key, "address": number})
            else:
                LOG.warning(
                    "a notification failed; it is tried again",
                    extra={"about": message.key, "address": number},
                )
    return counts


def messages(
    archive: Archive,
    config: Config,
    feeds: Sequence[Freshness],
    now: int,
    *,
    unpublished: Collection[str] = (),
) -> Iterator[Message]:
    """Yield all messages that are due at `now`, even those that were sent already."""
    store = DigestStore(archive, config.language)
    for last in store.weeks():
        if last in unpublished:
            continue
        week = Week(date.fromisoformat(last), config.timezone)
        digest = store.finished(week) if now - _YOUNG <= week.end <= now else None
        if digest is None:
            continue
        if config.notify.digest:
            yield _about_digest(digest, config)
        if config.notify.watch:
            yield from _about_watches(digest, config)
    if config.notify.failure:
        for feed in feeds:
            if feed.failures >= config.notify.failures:
                name = f"{community_label(feed.community)} {feed.feed}".strip()
                title, text = (
                    (f"取得に失敗しています: {name}", f"連続{feed.failures}回")
                    if config.language == "ja"
                    else (f"Collecting fails: {name}", f"{feed.failures} times in a row")
                )
                reason = shorten(clean(feed.error or ""), 500)
                yield Message(f"failure {feed.community} {feed.feed} ", title, f"{text}\n{reason}")


def _about_digest(digest: Digest, config: Config) -> Message:
    lines = [f"- {shorten(clean(topic.title), 200)}" for topic in digest.topics]
    if config.site:
        lines += ["", f"{config.site.rstrip('/')}/{digest.week.last}.html"]
    title = "海外コミュニティ動向" if config.language == "ja" else "Community trends"
    return Message(
        f"digest {digest.week.last} {digest.language}",
        f"{title} - {digest.week.last}",
        "\n".join(lines),
    )


def _about_watches(digest: Digest, config: Config) -> Iterator[Message]:
    for subject in digest.subjects:
        if not subject.rising:
            continue
        title = "が増えています" if config.language == "ja" else " rises"
        lines = [sentence.text for sentence in subject.sentences]
        lines += [f"- {shorten(clean(t.title), 200)} {t.link}" for t in subject.threads[:5]]
        yield Message(
            f"watch {subject.name} {digest.week.last} {digest.language}",
            f"{clean(subject.name)}{title} ({digest.week.last})",
            "\n".join(lines),
        )


def check_addresses(config: Config) -> None:
    """Raise ConfigError if an address of [notify] cannot be used. The message shows no address."""
    if not config.notify.urls:
        return
    try:
        import apprise
    except ImportError:
        raise ConfigError(needs_extra("[notify] urls", "apprise", "notify")) from None
    for number, stated in enumerate(config.notify.urls):
        address = secret(f"notify.urls[{number}]", stated)
        if not apprise.Apprise().add(address):
            scheme = address.partition("://")[0] if "://" in address else "no scheme"
            raise ConfigError(
                f"notify.urls[{number}] is not an address that apprise knows ({scheme[:20]!r}); "
                "examples are in docs/operate/run.md"
            )


def send_by_apprise(address: str, title: str, text: str) -> bool:
    """Send one message through apprise, and return whether it was accepted."""
    import apprise

    target = apprise.Apprise()
    if not target.add(address):
        return False
    return bool(target.notify(title=title, body=text, body_format=apprise.NotifyFormat.TEXT))


def _fingerprint(address: str) -> str:
    return hashlib.sha256(address.encode()).hexdigest()[:12]
