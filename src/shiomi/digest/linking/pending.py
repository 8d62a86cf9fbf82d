"""Link new threads in batches. Each batch is one transaction. The order of arrival is irrelevant.

A batch consists of the pending threads that were created first. They are compared with each other
and with the linked threads that are near in time. If the other thread of a pair is still pending,
the pair is judged with that thread's batch. So each pair is judged once, after both threads have
arrived. A judgement depends only on the pair. So the links do not depend on the order of arrival or
on the batches.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
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
from shiomi.digest.linking.post import named_pages, only_address
from shiomi.digest.story import LinkKind

__all__ = ["SAME_PAGE", "LinkReport", "link_pending"]

SAME_PAGE = 14 * 86400  # seconds within which two threads about one page are one story

# names of cursors in the archive
_LATEST = "link: latest batch"
_JUDGE = "link: judge"  # the mark of all linked threads, or _SEVERAL
_SEVERAL = "several"
_SPAN = 21 * 86400  # seconds from the first to the last thread of a batch
# number of titles out of range that may stay, so that not every batch must copy the remaining
# titles
_SPARE = 4096

_SAME_PAGE_TIE = LinkKind.CANONICAL_URL, 1.0
_NAMED_TIE = LinkKind.NAMED, 0.0  # the probability of one story is not known

_T = TypeVar("_T", PendingThread, LinkedThread)

Progress = Callable[[int, int | None, str], None]


@dataclass(frozen=True, slots=True)
class LinkReport:
    """What linking did."""

    threads: int  # number of threads that were processed
    links: int  # number of links that were written
    batches: int


def _url_key(url: str | None) -> int | None:
    """Return a 64-bit key of the page's canonical URL; None without a URL."""
    page = canonical_url(url) if url else None
    return None if page is None else _hash(page)


def _hash(text: str) -> int:
    """Return a 64-bit hash."""
    digest = blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "little", signed=True)


def link_pending(
    archive: Archive, linker: Linker, *, batch: int = 16384, progress: Progress | None = None
) -> LinkReport:
    """Link every thread that is not linked yet. It can be interrupted at any point and run again.

    If the archive was linked with another encoder, all threads are linked again.

    `progress` receives (done, total, "linking"). Raises ArchiveError if the archive cannot be read
    or written; batches that were committed before are kept.
    """
    store = LinkStore(archive)
    judge = str(linker.mark)
    with archive.transaction():
        if archive.cursor(_JUDGE) != judge:
            store.forget_others(linker.mark)
            archive.set_cursor(_JUDGE, judge)
    total = store.count_pending()
    done = links = batches = 0
    while True:
        with archive.transaction():
            latest = archive.cursor(_LATEST)
            if linker.near.batch != latest:  # another process has linked threads
                linker.near.clear()
            linker.near.batch = ""  # not known until the batch is committed
            pending = store.oldest_pending(_SPAN, batch)
            if pending:
                if archive.cursor(_JUDGE) != judge:  # another process uses another encoder
                    archive.set_cursor(_JUDGE, _SEVERAL)  # so the next run checks all threads
                links += _link_batch(store, linker, pending)
                latest = f"{_hash(f'{latest} {pending}'):x}"
                archive.set_cursor(_LATEST, latest)
        linker.near.batch = latest
        if not pending:
            return LinkReport(done, links, batches)
        done, batches = done + len(pending), batches + 1
        if progress is not None:
            progress(done, max(total, done), "linking")


def _link_batch(store: LinkStore, linker: Linker, pending: list[PendingThread]) -> int:
    """Link one batch in the caller's transaction. Return the number of links."""
    texts = store.post_texts(one.n for one in pending if one.url is None)
    pending = with_pages(pending, texts)
    pages = {(page, one.n): 1 for one in pending if (page := _url_key(one.url)) is not None}
    for n, text in texts.items():
        for page in map(_hash, named_pages(text)):
            pages.setdefault((page, n), 0)
    ns = [one.n for one in pending]
    store.begin_batch(ns, ((*page, own) for page, own in pages.items()), linker.mark)
    of_pages = list(_by_page(store, pending, {page for page, _ in pages}))
    found: dict[tuple[int, int], LinkRow] = {}
    for link in (
        *(link for link in of_pages if link[2] == LinkKind.NAMED),
        *_by_judge(store, linker, pending),
        *(link for link in of_pages if link[2] != LinkKind.NAMED),
        *_by_crosspost(store, pending),
    ):
        # exact links replace judged links, and judged links replace links by name
        found[link[:2]] = link
    store.add(sorted(found.values()))
    return len(found)


def _by_judge(
    store: LinkStore, linker: Linker, pending: Sequence[PendingThread]
) -> Iterable[LinkRow]:
    near = linker.near
    _read_around(store, near, pending)
    first = len(near)
    near.add(*zip(*((one.n, one.title, one.created) for one in pending), strict=True))
    left, right = (near.key[rows] for rows in near.pairs(first))
    # a thread that is pending again is judged in a later batch
    threads = store.linked(np.unique(np.stack([left, right])).tolist())
    texts = store.post_texts(one.n for one in threads if one.url is None)
    threads = with_pages(threads, texts)
    keys = np.array([thread.n for thread in threads], np.int64)
    known = np.isin(left, keys) & np.isin(right, keys)
    i_of, j_of = (np.searchsorted(keys, side[known]) for side in (left, right))
    for i, j, kind, score in linker.ties(threads, i_of, j_of):
        yield _link(threads[i].n, threads[j].n, kind, score)


def with_pages(threads: list[_T], texts: Mapping[int, str]) -> list[_T]:
    """Return the threads. If a text post only contains a link, it gets that link as its address.

    `texts` are the texts of the posts, by the keys of the threads.
    """
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
        old = np.isin(near.key, list(fresh))  # rows of these threads with their earlier titles
        if old.any() or len(near) > 2 * inside.sum() + _SPARE:
            near.keep(inside & ~old)
            near.span = (first, last)
    for since, until in missing:
        rows = [row for row in store.linked_between(since, until) if row[0] not in fresh]
        if rows:
            near.add(*zip(*rows, strict=True))


def _by_page(
    store: LinkStore, pending: Sequence[PendingThread], pages: Collection[int]
) -> Iterable[LinkRow]:
    """Yield the ties between threads about one page, and between such a thread and a post that
    names the page."""
    fresh = {one.n for one in pending}
    rows = store.of_pages(pages, pending[0].created - SAME_PAGE, pending[-1].created + SAME_PAGE)
    for _, group in groupby(rows, key=itemgetter(0)):
        of_page = list(group)
        for k, (_, created, a, own) in enumerate(of_page):
            for _, later, b, other_own in of_page[k + 1 :]:
                if later - created > SAME_PAGE:
                    break
                if (own or other_own) and (a in fresh or b in fresh):
                    both = own and other_own
                    yield _link(a, b, *(_SAME_PAGE_TIE if both else _NAMED_TIE))


def _by_crosspost(store: LinkStore, pending: Sequence[PendingThread]) -> Iterable[LinkRow]:
    """Yield the ties of each thread to its origin and to its linked crossposts."""
    keys = {one.uid: one.n for one in pending}
    pairs = [(n, keys[origin]) for n, origin in store.crossposts(keys)]
    pairs += [
        (one.n, origin)
        for one in pending
        if one.crosspost_of and (origin := store.linked_key(one.crosspost_of)) is not None
    ]
    for a, b in pairs:
        if a != b:
            yield _link(a, b, LinkKind.CROSSPOST, 1.0)


def _link(a: int, b: int, kind: LinkKind, score: float) -> LinkRow:
    return min(a, b), max(a, b), str(kind), score
