"""The real readings of a front page, replayed: "as of" any time is answered right."""

from __future__ import annotations

from bisect import bisect_right
from pathlib import Path

import pytest

from shiomi.digest.archive import Archive
from shiomi.digest.archive.importing import import_file
from shiomi.digest.thread import Reading, Thread

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

    def expected(story: int, as_of: int) -> Reading | None:
        """Worked out from the table alone: its last row of the story at `as_of` or before."""
        rows = sorted(by_id[story], key=lambda row: int(times[row]))
        place = bisect_right([times[row] for row in rows], as_of)
        if not place:
            return None
        row = rows[place - 1]
        number = comments[row]
        return Reading(times[row], points[row], None if number is None else int(number))

    with Archive.open(tmp_path / "a.sqlite3") as archive:
        report = import_file(archive, path)
        assert (report.rows, report.bad, report.added.readings) == (COUNT, 0, COUNT)
        assert archive.status().readings == COUNT
        stories = sorted(by_id)[:: len(by_id) // 400]
        unknown = 0
        for number, story in enumerate(stories):
            first, last = times[by_id[story][0]], times[by_id[story][-1]]
            for as_of in (first - 1, first, (first + last) // 2 + number, last - 1, last, 2**40):
                reading = archive.reading(f"hackernews:{story}", as_of)
                assert reading == expected(story, as_of)
                unknown += reading is not None and reading.comments is None
        assert unknown  # the sample holds stories without a number of comments
        # the threads themselves arrive later, and find their readings
        archive.add(
            (Thread("hackernews", str(story), f"Story {story}", 1, "") for story in stories),
            seen=1,
        )
        as_of = times[COUNT // 2]
        for thread in archive.threads(0, 2, as_of=as_of):
            assert thread.reading == expected(int(thread.id), as_of)
            assert len(thread.readings) == sum(times[row] <= as_of for row in by_id[int(thread.id)])
