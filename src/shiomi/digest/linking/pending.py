"""Link new threads in batches, each in one transaction. The order of arrival does not matter.

A batch is the oldest pending threads by time of creation. They are judged against each other and
against the linked threads around them; a pair whose other thread is still pending is judged when
that one's turn comes. So each pair is judged once, after both have arrived, and since a judgement
depends on the pair alone, the links in the end are the same for any order and any batch.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np

from shiomi.digest.archive import Archive, LinkStore
from shiomi.digest.archive.links import LinkRow, PendingThread
from shiomi.digest.linking.candidates import NEAR
from shiomi.digest.linking.canonical_url import canonical_url
from shiomi.digest.linking.linker import Linker
from shiomi.digest.linking.title import normal_title
from shiomi.digest.story import LinkKind

__all__ = ["SAME_PAGE", "LinkReport", "link_pending", "title_key", "url_key"]

SAME_PAGE = 14 * 86400  # seconds within which two threads about one page are one story

_SPAN = 21 * 86400  # seconds from the first to the last thread of a batch

Progress = Callable[[int, int | None, str], None]


@dataclass(frozen=True, slots=True)
class LinkReport:
    """What linking did."""

    threads: int  # looked at
    links: int  # written
    batches: int


@dataclass(frozen=True, slots=True)
class _Row:
    n: int
    created: int
    title: str
    page: int | None  # 64-bit key of the canonical URL
    url: str | None
    community: str
    fresh: bool


def url_key(url: str | None) -> int | None:
    """A 64-bit key of the page's canonical URL; None without a URL."""
    page = canonical_url(url) if url else None
    return None if page is None else _key(page)


def title_key(title: str) -> int:
    """A 64-bit key of the folded title."""
    return _key(normal_title(title))


def _key(text: str) -> int:
    digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "little", signed=True)


def link_pending(
    archive: Archive, linker: Linker, *, batch: int = 16384, progress: Progress | None = None
) -> LinkReport:
    """Link every thread that is not linked yet. Can be stopped anywhere and called again.

    `progress` receives (done, total, "linking"). Raises ArchiveError where the archive cannot be
    read or written; what was committed before stays.
    """
    store = LinkStore(archive)
    total = store.count_pending()
    done = links = batches = 0
    while True:
        with archive.transaction():
            size, written = _link_batch(store, linker, batch)
        if not size:
            return LinkReport(done, links, batches)
        done, links, batches = done + size, links + written, batches + 1
        if progress is not None:
            progress(done, max(total, done), "linking")


def _link_batch(store: LinkStore, linker: Linker, batch: int) -> tuple[int, int]:
    """Link one batch within the caller's transaction: how many threads, how many links."""
    pending = store.oldest_pending(_SPAN, batch)
    if not pending:
        return 0, 0
    fresh = [
        _Row(
            one.n,
            one.created,
            one.title,
            url_key(one.url),
            one.url,
            one.uid.partition(":")[0],
            True,
        )
        for one in pending
    ]
    store.begin_batch((row.n, row.page, title_key(row.title)) for row in fresh)
    rows = fresh + _linked_around(store, fresh)
    rows.sort(key=lambda row: (row.created, row.n))
    found: dict[tuple[int, int], LinkRow] = {}
    for link in (*_by_judge(linker, rows), *_by_page(rows), *_by_crosspost(store, pending)):
        found[link[:2]] = link  # exact links come last and replace the others
    store.add(sorted(found.values()))
    return len(fresh), len(found)


def _linked_around(store: LinkStore, fresh: Sequence[_Row]) -> list[_Row]:
    """The linked threads near enough in time to be one story with any of the batch."""
    reach = max(NEAR, SAME_PAGE)
    new = {row.n for row in fresh}
    around = store.linked_between(fresh[0].created - reach, fresh[-1].created + reach)
    return [_Row(*thread, False) for thread in around if thread.n not in new]


def _by_judge(linker: Linker, rows: Sequence[_Row]) -> Iterable[LinkRow]:
    created = np.array([row.created for row in rows], np.int64)
    fresh = np.array([row.fresh for row in rows], np.bool_)
    titles = [row.title for row in rows]
    urls = [row.url for row in rows]
    communities = [row.community for row in rows]
    for i, j, kind, score in linker.links(titles, created, fresh, urls, communities):
        yield _link(rows[i].n, rows[j].n, kind, score)


def _by_page(rows: Sequence[_Row]) -> Iterable[LinkRow]:
    pages: dict[int, list[_Row]] = defaultdict(list)
    for row in rows:
        if row.page is not None:
            pages[row.page].append(row)
    for group in pages.values():
        for k, a in enumerate(group):
            for b in group[k + 1 :]:
                if b.created - a.created > SAME_PAGE:
                    break
                if a.fresh or b.fresh:
                    yield _link(a.n, b.n, LinkKind.CANONICAL_URL, 1.0)


def _by_crosspost(store: LinkStore, pending: Sequence[PendingThread]) -> Iterable[LinkRow]:
    """Ties to the thread each was crossposted from, and to the linked ones crossposted from it."""
    for one in pending:
        for other in store.crossposts(one.n, one.crosspost_of, one.uid):
            yield _link(one.n, other, LinkKind.CROSSPOST, 1.0)


def _link(a: int, b: int, kind: LinkKind, score: float) -> LinkRow:
    return min(a, b), max(a, b), str(kind), score
