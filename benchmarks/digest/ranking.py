"""Compare ranking by rarity (given community and age) with raw points, ranks and z-scores.

    python -m benchmarks.digest.ranking            # about a minute; needs the shared data

The script prints four results:

(a) how far apart the communities' distributions are;
(b) how well a reading at an age of 1 to 12 hours predicts the final standing;
(c) for 52 weeks: from which communities the topics come, how many stories are repeated, and how
    many topics share a subject;
(d) how the points of a story grow.
"""

from __future__ import annotations

import bisect
import math
import statistics
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from datetime import date, timedelta

import pyarrow.parquet as pq
from benchmarks.digest.real_weeks import DATA, Memory, real_threads, stories

from shiomi.digest.ranking import leading, rank
from shiomi.digest.ranking.engagement import AGES, GROWTH, Engagement
from shiomi.digest.ranking.window import Window, read_window
from shiomi.digest.story import Story
from shiomi.digest.terms import phrases
from shiomi.digest.thread import Reading, Thread
from shiomi.digest.week import Week

AS_OF = 1_800_000_000
TOPICS = 8
COMMUNITIES = ("hackernews", "reddit/programming", "lobsters")
Score = Callable[[Thread], float]


def points(thread: Thread) -> float:
    return float(thread.readings[-1].points or 0)


def z_scores(threads: Iterable[Thread]) -> Score:
    """Return (points - mean) / standard deviation, both of the thread's community."""
    held: dict[str, list[float]] = defaultdict(list)
    for thread in threads:
        held[thread.community].append(points(thread))
    moments = {name: (statistics.fmean(v), statistics.pstdev(v) or 1.0) for name, v in held.items()}
    return lambda t: (points(t) - moments[t.community][0]) / moments[t.community][1]


def kolmogorov_smirnov(one: Sequence[float], other: Sequence[float]) -> float:
    """Return the greatest distance of two empirical distributions."""
    a, b = sorted(one), sorted(other)
    return max(
        abs(bisect.bisect_right(a, x) / len(a) - bisect.bisect_right(b, x) / len(b)) for x in a + b
    )


def spearman(one: Sequence[float], other: Sequence[float]) -> float:
    """Return the rank correlation; tied values get their mean rank."""
    return statistics.correlation(_ranks(one), _ranks(other))


def _ranks(values: Sequence[float]) -> list[float]:
    ordered = sorted(values)
    return [(bisect.bisect_left(ordered, v) + bisect.bisect_right(ordered, v)) / 2 for v in values]


def comparability(memory: Memory, weeks: Sequence[Week]) -> None:
    """(a) Print the Kolmogorov-Smirnov distance between communities, as a mean over weeks."""
    gaps: dict[str, list[float]] = defaultdict(list)
    for week in weeks:
        window = read_window(memory, week, as_of=AS_OF, weeks=8)
        engagement = Engagement(window.all, as_of=AS_OF)
        scores: dict[str, Score] = {
            "raw points": points,
            "z-score of points": z_scores(window.all),
            "strength (ours)": lambda t, e=engagement: e.standing(t).strength,  # type: ignore[misc]
        }
        for name, score in scores.items():
            by = {c: [score(t) for t in window.now if t.community == c] for c in COMMUNITIES}
            pairs = [(a, b) for n, a in enumerate(COMMUNITIES) for b in COMMUNITIES[n + 1 :]]
            gaps[name].append(statistics.fmean(kolmogorov_smirnov(by[a], by[b]) for a, b in pairs))
    base = statistics.fmean(gaps["raw points"])
    print(f"(a) distance between communities (KS, 0 = comparable), {len(weeks)} weeks")
    for name, found in gaps.items():
        mean = statistics.fmean(found)
        print(f"    {name:24s} {mean:.3f}  ratio to raw {mean / base:.2f}")


def created_times() -> dict[int, float]:
    """Estimate when the front page's stories were created, in hours.

    Ids rise with time. So each story was created before the first reading of any story with a
    higher id, usually a few minutes before it.
    """
    table = pq.read_table(DATA / "snapshots" / "hn_frontpage_points_2020-11_2022-11.parquet")
    first: dict[int, int] = {}
    for moment, number in zip(table["t"].to_pylist(), table["id"].to_pylist(), strict=True):
        first[number] = min(first.get(number, moment), moment)
    created, bound = {}, math.inf
    for number in sorted(first, reverse=True):
        bound = min(bound, first[number])
        created[number] = bound
    return created


def front_page() -> list[Thread]:
    """Return front-page stories of 2021 with their readings over time."""
    table = pq.read_table(DATA / "snapshots" / "hn_frontpage_points_2020-11_2022-11.parquet")
    created = created_times()
    readings: dict[int, list[Reading]] = defaultdict(list)
    for moment, number, count, comments in zip(
        *(table[name].to_pylist() for name in ("t", "id", "points", "comments")), strict=True
    ):
        known = None if comments is None else int(comments)
        readings[number].append(Reading(moment, count, known))
    begin, end = 1_609_459_200, 1_617_235_200  # the first quarter of 2021
    return [
        Thread("hackernews", str(number), "", int(created[number]), "https://example.org",
               readings=tuple(sorted(found, key=lambda r: r.time)))
        for number, found in sorted(readings.items()) if begin <= created[number] < end
    ]  # fmt: skip


def ages() -> None:
    """(b) Compare threads of one afternoon, each read at a different age, with their final
    counts."""
    threads = [t for t in front_page() if t.readings[-1].time - t.created > 14 * 3600]
    half = len(threads) // 2
    engagement = Engagement(threads[:half], as_of=AS_OF)
    final = {t.uid: float(t.readings[-1].points or 0) for t in threads}
    early: dict[int, list[tuple[Thread, Reading]]] = {}
    for hours in (1, 3, 6, 12):
        early[hours] = [
            (t, r)
            for t in threads[half:]
            for r in [min(t.readings, key=lambda r: abs(r.time - t.created - hours * 3600))]
            if abs(r.time - t.created - hours * 3600) < 1800
        ]
    mixed = [early[(1, 3, 6, 12)[n % 4]][n] for n in range(min(map(len, early.values())))]
    print(f"(b) rank correlation of a young reading with the settled points; {half} threads learnt")
    print("    reading at      threads   raw points   strength (ours)")
    for label, rows in [*((f"{h} h", rows) for h, rows in early.items()), ("mixed ages", mixed)]:
        ends = [final[t.uid] for t, _ in rows]
        raw = [float(r.points or 0) for _, r in rows]
        ours = [engagement.standing(t, as_of=r.time).strength for t, r in rows]
        found = f"{spearman(raw, ends):12.3f} {spearman(ours, ends):12.3f}"
        print(f"    {label:14s} {len(rows):8d} {found}")
    young, old = ([points_at(engagement, row) for row in early[h]] for h in (3, 12))
    print(f"    KS distance of 3 h from 12 h readings: raw points "
          f"{kolmogorov_smirnov([p for p, _ in young], [p for p, _ in old]):.3f}, strength "
          f"{kolmogorov_smirnov([s for _, s in young], [s for _, s in old]):.3f}")  # fmt: skip


def growth() -> None:
    """(d) Print which share of its final points a story has at each age: GROWTH in engagement.py.

    A story is used only if it was read until it was 18 hours old and its creation time is known.
    """
    columns = pq.read_table(DATA / "threads.parquet", columns=["uid", "t", "src"]).to_pylist()
    created = {int(row["uid"][3:]): row["t"] for row in columns if row["src"] == "massanishi"}
    table = pq.read_table(DATA / "snapshots" / "hn_frontpage_points_2020-11_2022-11.parquet")
    readings: dict[int, list[tuple[float, int]]] = defaultdict(list)
    for row in table.select(["t", "id", "points"]).to_pylist():
        if row["id"] in created and row["points"] is not None:
            age = (row["t"] - created[row["id"]]) / 3600
            readings[row["id"]].append((age, row["points"]))
    print("(d) hours  in use  median  stories")
    for hours, used in zip(AGES, GROWTH, strict=True):
        if hours > 12:  # most stories have left the front page; these values are set by hand
            break
        shares = []
        for found in readings.values():
            age, final = max(found)
            near = min(found, key=lambda reading: abs(reading[0] - hours))
            if age >= 18 and final and abs(near[0] - hours) < 0.2 * hours + 0.2:
                shares.append(near[1] / final)
        print(f"{hours:9.0f} {used:7.2f} {statistics.median(shares):7.2f} {len(shares):8d}")


def points_at(engagement: Engagement, row: tuple[Thread, Reading]) -> tuple[float, float]:
    thread, reading = row
    return float(reading.points or 0), engagement.standing(thread, as_of=reading.time).strength


def choices(memory: Memory, canon: dict[str, str], weeks: Sequence[Week]) -> None:
    """(c) Print which communities' stories become topics."""
    pickers: dict[str, Callable[[list[Story], Window], list[Story]]] = {
        "raw points": lambda found, _: best(found, points),
        "Hacker News only": lambda found, _: best(
            found, lambda t: points(t) if t.community == "hackernews" else -1.0
        ),
        "z-score of points": lambda found, window: best(found, z_scores(window.all)),
        "shiomi": lambda found, window: [
            item.story for item in leading(rank(window, found), TOPICS)
        ],
    }
    print(f"(c) {TOPICS} topics of {len(weeks)} weeks")
    print("    with a thread on     HN  r/prog  Lobsters  several   repeats   same subject")
    tables = {name: [0.0] * 6 for name in pickers}
    last: dict[str, list[Story]] = {name: [] for name in pickers}
    for week in weeks:
        window = read_window(memory, week, as_of=AS_OF, weeks=8)
        found = stories(memory, canon, week)
        for name, pick in pickers.items():
            chosen = pick(found, window)
            row = tables[name]
            for story in chosen:
                for place, community in enumerate(COMMUNITIES):
                    row[place] += community in story.communities
                row[3] += len(story.communities) > 1
                row[4] += any(again(story, old, canon) for old in last[name])
            row[5] += TOPICS - subjects(chosen)
            last[name] = chosen
    for name, row in tables.items():
        a, b, c, d, e, f = (value / len(weeks) for value in row)
        print(f"    {name:18s} {a:5.2f} {b:7.2f} {c:9.2f} {d:8.2f} {e:9.2f} {f:14.2f}")


def best(found: list[Story], score: Score) -> list[Story]:
    top = {story.id: max(map(score, story.threads)) for story in found}
    return sorted(found, key=lambda story: (-top[story.id], story.id))[:TOPICS]


def again(story: Story, old: Story, canon: dict[str, str]) -> bool:
    """Whether a story has the address, a thread or the title of a topic of the week before."""

    def keys(s: Story) -> set[str]:
        return {key for t in s.threads for key in (t.uid, canon.get(t.uid, t.uid), t.title)}

    return bool(keys(story) & keys(old))


def subjects(chosen: Sequence[Story]) -> int:
    """Count the subjects; stories with two or more naming words in common are one subject."""
    seen: list[set[str]] = []
    for story in chosen:
        own = {p.key for t in story.threads for p in phrases(t.title, 1)}
        if not any(len(own & other) > 1 for other in seen):
            seen.append(own)
    return len(seen)


def main() -> None:
    memory, canon = real_threads()
    last = date(2020, 11, 1)
    weeks = [Week(last - timedelta(weeks=back)) for back in range(51, -1, -1)]
    comparability(memory, weeks[::4])
    ages()
    choices(memory, canon, weeks)
    growth()


if __name__ == "__main__":
    main()
