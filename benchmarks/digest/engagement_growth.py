"""Measure the share of its final points that a Hacker News story has at each age.

    python benchmarks/digest/engagement_growth.py        # needs the shared data

The result is GROWTH in engagement.py. Only stories are used whose time of creation is known and
that were read until they were 18 hours old. In the data, a story on the front page is read every 20
to 30 minutes.
"""

from __future__ import annotations

import os
import statistics
from collections import defaultdict
from pathlib import Path

import pyarrow.parquet as pq

from shiomi.digest.ranking.engagement import AGES, GROWTH

DATA = Path(os.environ.get("SHIOMI_DATA", Path(__file__).parents[3] / "shared" / "data")) / "digest"


def main() -> None:
    known = pq.read_table(DATA / "threads.parquet", columns=["uid", "t", "src"]).to_pydict()
    created = {
        int(uid[3:]): moment
        for uid, moment, source in zip(known["uid"], known["t"], known["src"], strict=True)
        if source == "massanishi"  # in other sources the creation is the time of the first reading
    }
    table = pq.read_table(DATA / "snapshots" / "hn_frontpage_points_2020-11_2022-11.parquet")
    readings: dict[int, list[tuple[float, int]]] = defaultdict(list)
    for moment, number, points in zip(
        *(table[name].to_pylist() for name in ("t", "id", "points")), strict=True
    ):
        if number in created and points is not None:
            readings[number].append(((moment - created[number]) / 3600, points))
    print("hours  in use  median  10 %   90 %  stories")
    for hours, used in zip(AGES, GROWTH, strict=True):
        if hours > 12:  # most have left the front page, and stories that come back are not typical
            print(f"{hours:5.0f} {used:7.2f}  set by hand")
            continue
        shares = []
        for found in readings.values():
            age, final = max(found)
            near = min(found, key=lambda row: abs(row[0] - hours))
            if age >= 18 and final and abs(near[0] - hours) < 0.2 * hours + 0.2:
                shares.append(near[1] / final)
        low, *_, high = statistics.quantiles(shares, n=10)
        middle = statistics.median(shares)
        print(f"{hours:5.0f} {used:7.2f} {middle:7.2f} {low:5.2f} {high:6.2f} {len(shares):8d}")


if __name__ == "__main__":
    main()
