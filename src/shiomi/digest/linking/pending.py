"""Link new threads in batches. Each batch is one transaction. The order of arrival is irrelevant.

A batch consists of the pending threads that were created first. They are compared with each other
and with the linked threads that are near in time. If the other thread of a pair is still pending,
the pair is judged with that thread's batch. So each pair is judged once, after both threads have
arrived. A judgement depends only on the pair. So the links do not depend on the order of arrival or
on the batches.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import groupby
from operator import itemgetter
from typing import TypeVar

import numpy as np

from shiomi.digest.archive import Archive, LinkStore
from shiomi.digest.archive.links import LinkedThread, LinkRow, PendingThread
from shiomi.digest.linking.candidates import NEAR, NearTitles
from shiomi.digest.linking.canonical_url import canonical_url
from shiomi.digest.linking.linker import Linker
from shiomi.digest.linking.post import only_address
from shiomi.digest.linking.title import normal_title
from shiomi.digest.story import LinkKind

__all__ = ["SAME_PAGE", "LinkReport", "link_pending", "title_key", "url_key"]

SAME_PAGE = 14 * 86400  # seconds within which two threads about one page are one story

_SPAN = 21 * 86400  # seconds from the first to the last thread of a batch
_SPARE = 4096  # titles out of range that may stay, so that not every batch copies the others

_T = TypeVar("_T", PendingThread, LinkedThread)

Progress = Callable[[int, int | None, str], None]


@dataclass(frozen=True, slots=True)
class LinkReport:
    """What linking did."""

    threads: int  # looked at
    links: int  # written
    batches: int


def url_key(url: str | None) -> int | None:
    """Return a 64-bit key of the page's canonical URL; None without a URL."""
    page = canonical_url(url) if url else None
    return None if page is None else _key(page)


def title_key(title: str) -> int:
    """Return a 64-bit key of the folded title."""
    return _key(normal_title(title))


def _key(text: str) -> int:
    digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "little", signed=True)


def link_pending(
    archive: Archive, linker: Linker, *, batch: int = 16384, progress: Progress | None = None
) -> LinkReport:
    """Link every thread that is not linked yet. It can be interrupted at any point and run again.

    If the archive was linked with another encoder, all threads are linked again.

    `progress` receives (done, total, "linking"). Raises ArchiveError if the archive cannot be read
    or written; batches that were committed before stay.
    """
    store = LinkStore(archive)
    with archive.transaction():
        store.forget_others(linker.mark)
    total = store.count_pending()
    done = links = batches = 0
    while True:
        with archive.transaction():
            state = store.state()
            if linker.near.token != state:
                linker.near.clear()
            linker.near.token = None  # until the batch is committed
            size, written = _link_batch(store, linker, batch)
        linker.near.token = state
        if not size:
            return LinkReport(done, links, batches)
        done, links, batches = done + size, links + written, batches + 1
        if progress is not None:
            progress(done, max(total, done), "linking")


def _link_batch(store: LinkStore, linker: Linker, batch: int) -> tuple[int, int]:
    """Link one batch in the caller's transaction. Return the number of threads and of links."""
    pending = store.oldest_pending(_SPAN, batch)
    if not pending:
        return 0, 0
    pending = with_pages(store, pending)
    pages = {one.n: url_key(one.url) for one in pending}
    keys = ((one.n, pages[one.n], title_key(one.title)) for one in pending)
    store.begin_batch(keys, linker.mark)
    found: dict[tuple[int, int], LinkRow] = {}
    for link in (
        *_by_judge(store, linker, pending),
        *_by_page(store, pending, pages),
        *_by_crosspost(store, pending),
    ):
        found[link[:2]] = link  # exact links come last and replace the others
    store.add(sorted(found.values()))
    return len(pending), len(found)


def _by_judge(
    store: LinkStore, linker: Linker, pending: Sequence[PendingThread]
) -> Iterable[LinkRow]:
    near = linker.near
    _read_around(store, near, pending)
    first = len(near)
    near.add(*zip(*((one.n, one.title, one.created) for one in pending), strict=True))
    left, right = (near.key[rows] for rows in near.pairs(first))
    # a thread that is pending again is judged when its turn comes
    threads = with_pages(store, store.linked(np.unique(np.stack([left, right])).tolist()))
    keys = np.array([thread.n for thread in threads], np.int64)
    known = np.isin(left, keys) & np.isin(right, keys)
    i_of, j_of = (np.searchsorted(keys, side[known]) for side in (left, right))
    for i, j, kind, score in linker.ties(threads, i_of, j_of):
        yield _link(threads[i].n, threads[j].n, kind, score)


def with_pages(store: LinkStore, threads: list[_T]) -> list[_T]:
    """Return the threads. If a text post only contains a link, it gets that link as its address."""
    texts = store.post_texts(one.n for one in threads if one.url is None)
    return [
        one._replace(url=only_address(texts[one.n])) if one.n in texts else one for one in threads
    ]


def _read_around(store: LinkStore, near: NearTitles, pending: Sequence[PendingThread]) -> None:
    """Update `near` to hold the linked threads within NEAR of the batch, without the batch
    itself."""
    first, last = pending[0].created - NEAR, pending[-1].created + NEAR
    fresh = {one.n for one in pending}
    if near.span is None or near.span[0] > last or near.span[1] < first:
        near.clear()
        missing = [(first, last)]
        near.span = (first, last)
    else:
        missing = [(first, near.span[0] - 1), (near.span[1] + 1, last)]
        near.span = (min(first, near.span[0]), max(last, near.span[1]))
        inside = (near.created >= first) & (near.created <= last)
        old = np.isin(near.key, list(fresh))  # with their earlier titles
        if old.any() or len(near) > 2 * inside.sum() + _SPARE:
            near.keep(inside & ~old)
            near.span = (first, last)
    for since, until in missing:
        rows = [row for row in store.linked_between(since, until) if row[0] not in fresh]
        if rows:
            near.add(*zip(*rows, strict=True))


def _by_page(
    store: LinkStore, pending: Sequence[PendingThread], pages: Mapping[int, int | None]
) -> Iterable[LinkRow]:
    wanted = {page for page in pages.values() if page is not None}
    rows = store.of_pages(wanted, pending[0].created - SAME_PAGE, pending[-1].created + SAME_PAGE)
    for _, group in groupby(rows, key=itemgetter(0)):
        of_page = list(group)
        for k, (_, created, a) in enumerate(of_page):
            for _, later, b in of_page[k + 1 :]:
                if later - created > SAME_PAGE:
                    break
                if a in pages or b in pages:
                    yield _link(a, b, LinkKind.CANONICAL_URL, 1.0)


def _by_crosspost(store: LinkStore, pending: Sequence[PendingThread]) -> Iterable[LinkRow]:
    """Yield the ties of each thread to its origin and to its linked crossposts."""
    for one in pending:
        for other in store.crossposts(one.n, one.crosspost_of, one.uid):
            yield _link(one.n, other, LinkKind.CROSSPOST, 1.0)


def _link(a: int, b: int, kind: LinkKind, score: float) -> LinkRow:
    return min(a, b), max(a, b), str(kind), score
