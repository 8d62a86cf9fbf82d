"""Earlier threads about the page or under the title of a story: what makes it a repeat.

They are not of the story: a page posted again months later is another discussion.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from shiomi.digest.archive import Archive, LinkStore
from shiomi.digest.linking.pending import title_key, url_key
from shiomi.digest.linking.title import words
from shiomi.digest.story import Story

__all__ = ["earlier_threads"]

_TELLING = 3  # words from which an equal title says that it is the same


def earlier_threads(
    archive: Archive, stories: Sequence[Story], *, since: int = 0
) -> dict[str, list[str]]:
    """For each story's id, uids of linked threads older than it, created at `since` or later.

    Found by canonical URL, or by a title of at least three words; oldest first. A story without
    any is left out.
    """
    wanted: dict[tuple[str, int], list[Story]] = defaultdict(list)
    for story in stories:
        keys = {("url", url_key(thread.url)) for thread in story.threads}
        keys |= {
            ("title", title_key(thread.title))
            for thread in story.threads
            if len(words(thread.title)) >= _TELLING
        }
        for column, key in keys:
            if key is not None:
                wanted[column, key].append(story)
    found: dict[str, set[tuple[int, str]]] = defaultdict(set)
    for column in ("url", "title"):
        keys_of_column = sorted(key for name, key in wanted if name == column)
        for key, created, uid in LinkStore(archive).threads_with_keys(
            column, keys_of_column, since=since
        ):
            for story in wanted[column, key]:
                if created < story.threads[0].created:
                    found[story.id].add((created, uid))
    return {name: [uid for _, uid in sorted(ones)] for name, ones in found.items()}
