"""Started by test_crash.py: adds batches to an archive, saying after each that it is committed.

python adding_child.py ARCHIVE BATCHES BATCH_SIZE
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

from shiomi.digest.archive import Archive
from shiomi.digest.thread import Passage, PassageKind, Reading, Thread


def batch(number: int, size: int) -> Iterator[Thread]:
    """Threads of which some were in earlier batches, with new titles, readings and passages."""
    for place in range(size):
        name = str(number * (size // 2) + place)  # half of them are of the batch before
        yield Thread(
            "hackernews",
            name,
            f"規制 title {name} as of {number}",
            int(name),
            f"https://news.ycombinator.com/item?id={name}",
            readings=(Reading(number, number, None),),
            passages=(Passage(PassageKind.COMMENT, f"said {name} in {number}", "https://e.org/"),),
        )


def main(path: str, batches: int, size: int) -> None:
    """Go on from the cursor to the last batch, each with its cursor in one transaction."""
    with Archive.open(path) as archive:
        for number in range(int(archive.cursor("child") or 0), batches):
            with archive.transaction():
                archive.add(batch(number, size), seen=number)
                archive.set_cursor("child", str(number + 1))
            sys.stdout.write(f"{number + 1}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
