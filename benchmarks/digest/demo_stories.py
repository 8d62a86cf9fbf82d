"""Print the stories of the demo's archive that another version of the program groups differently.

    python benchmarks/digest/demo_stories.py > new.json             # with this version
    PYTHONPATH=OTHER/src python benchmarks/digest/demo_stories.py > old.json
    python benchmarks/digest/demo_stories.py old.json new.json      # print the differences

Also prints how many stories of several communities exist only because of the linking model: no
canonical URL or crosspost connects two of their communities.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from shiomi.digest.archive import Archive
from shiomi.digest.archive.importing import import_file
from shiomi.digest.linking import Linker, link_pending, stories
from shiomi.digest.story import LinkKind, Story


def communities(story: Story, *, judged: bool) -> int:
    """Count the story's communities, or the most communities that exact links alone connect."""
    community = {thread.uid: thread.community for thread in story.threads}
    if judged:
        return len(set(community.values()))
    group = {uid: {uid} for uid in community}
    for link in story.links:
        if link.kind is not LinkKind.SAME_STORY and group[link.a] is not group[link.b]:
            merged = group[link.a] | group[link.b]
            group.update(dict.fromkeys(merged, merged))
    return max(len({community[uid] for uid in members}) for members in group.values())


def collect() -> dict[str, Any]:
    from importlib.resources import as_file

    from shiomi.sample import sample_files

    with Archive.open(":memory:") as archive:
        for resource in sample_files():
            with as_file(resource) as path:
                import_file(archive, path)
        link_pending(archive, Linker.load())
        found = stories(archive, 0, 1 << 40)
    several = [story for story in found if communities(story, judged=True) > 1]
    judged = sum(communities(story, judged=False) < 2 for story in several)
    titles = {t.uid: f"{t.title} | {t.url}" for story in found for t in story.threads}
    groups = [[thread.uid for thread in story.threads] for story in found]
    return {
        "stories": len(found),
        "several": len(several),
        "judged": judged,
        "groups": groups,
        "titles": titles,
    }


def compare(old: dict[str, Any], new: dict[str, Any]) -> None:
    before, after = ({frozenset(group) for group in one["groups"]} for one in (old, new))
    for group in sorted(after - before, key=sorted):
        parts = [part for part in before if part & group]
        print("joined" if all(part <= group for part in parts) else "changed")
        for part in parts:
            print("  ", " + ".join(new["titles"][uid] for uid in sorted(part)))
        left = set().union(*parts) - group
        print("   left:", [new["titles"][uid] for uid in sorted(left)]) if left else None


def main() -> None:
    if len(sys.argv) == 3:
        old, new = (json.loads(Path(path).read_text(encoding="utf-8")) for path in sys.argv[1:])
        compare(old, new)
        for one in (old, new):
            print({name: one[name] for name in ("stories", "several", "judged")})
    else:
        print(json.dumps(collect()))


if __name__ == "__main__":
    main()
