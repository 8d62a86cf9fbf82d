"""The real readings of a front page, replayed: "as of" any time is answered right."""

from __future__ import annotations

from bisect import bisect_right
from pathlib import Path

import pytest

from shiomi.digest.archive import Archive
from shiomi.digest.thread import Reading, Thread
from tests.digest.archive.conftest import reading_at

COUNT = 933_728


@pytest.mark.slow
def test_every_reading_is_kept_and_as_of_any_time_is_right(
    tmp_path: Path, shared_data: Path
) -> None:
    pq = pytest.importorskip("pyarrow.parquet")
    path = shared_data / "digest/snapshots/hn_frontpage_points_2020-11_2022-11.parquet"
    table = pq.read_table(path)
    times, ids, points, comments = (
        table[name].to_pylist() for name in ("t", "id", "points", "comments")
    )
    by_id: dict[int, list[int]] = {}
    for row, story in enumerate(ids):
        by_id.setdefault(story, []).append(row)

    def count(row: int) -> int | None:
        return None if comments[row] is None else int(comments[row])

    def expected(story: int, as_of: int) -> Reading | None:
        """Worked out from the table alone: its last row of the story at `as_of` or before."""
        rows = sorted(by_id[story], key=lambda row: int(times[row]))
        place = bisect_right([times[row] for row in rows], as_of)
        if not place:
            return None
        row = rows[place - 1]
        return Reading(times[row], points[row], count(row))

    def thread(story: int) -> Thread:
        readings = (Reading(times[row], points[row], count(row)) for row in by_id[story])
        return Thread("hackernews", str(story), f"Story {story}", 1, "", readings=tuple(readings))

    with Archive.open(tmp_path / "a.sqlite3") as archive:
        assert archive.add(map(thread, by_id), seen=1).readings == COUNT
        assert archive.status().readings == COUNT
        stories = sorted(by_id)[:: len(by_id) // 400]
        unknown = 0
        for number, story in enumerate(stories):
            first, last = times[by_id[story][0]], times[by_id[story][-1]]
            for as_of in (first - 1, first, (first + last) // 2 + number, last - 1, last, 2**40):
                reading = reading_at(archive, f"hackernews:{story}", as_of)
                assert reading == expected(story, as_of)
                unknown += reading is not None and reading.comments is None
        assert unknown  # the sample holds stories without a number of comments
        as_of = times[COUNT // 2]
        for one in archive.get_many([f"hackernews:{n}" for n in stories], as_of=as_of).values():
            assert one.reading == expected(int(one.id), as_of)
            assert len(one.readings) == sum(times[row] <= as_of for row in by_id[int(one.id)])
