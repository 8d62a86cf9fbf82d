"""Print the trends and watched subjects of known weeks, as a table to be read by a person.

python -m benchmarks.digest.trends_of_weeks [YYYY-MM-DD ...]     # needs the shared data
"""

from __future__ import annotations

import sys
from datetime import date

from benchmarks.digest.real_weeks import real_threads, stories

from shiomi.digest.config import WatchConfig
from shiomi.digest.ranking import rank
from shiomi.digest.ranking.window import read_window
from shiomi.digest.trends import find_trends
from shiomi.digest.watch import watch_subject
from shiomi.digest.week import Week

AS_OF = 1_800_000_000
WEEKS = (
    "2017-05-21 2018-01-07 2018-05-27 2018-06-10 2019-03-17 2019-04-14 2019-11-17 2020-03-15 "
    "2020-05-31 2020-06-28 2020-07-26 2020-10-25 2020-11-15 2020-11-22 2020-12-06 2020-12-13 "
    "2020-12-20"
)
WATCHES = (
    WatchConfig("CentOS", ("CentOS",)),
    WatchConfig("M1", ("Apple M1", "Apple Silicon")),
    WatchConfig("Rust", ("Rust",)),
    WatchConfig("Covid", ("covid-19", "coronavirus")),
)


def main() -> None:
    memory, canon = real_threads()
    for day in sys.argv[1:] or WEEKS.split():
        week = Week(date.fromisoformat(day))
        window = read_window(memory, week, as_of=AS_OF, weeks=8)
        found = stories(memory, canon, week)
        ranked = rank(memory, found, week, as_of=AS_OF, window=window)
        print(day)
        trends = find_trends(memory, week, as_of=AS_OF, ranked=ranked, window=window, language="en")
        for trend in trends:
            titles = " / ".join(s.threads[0].title[:50] for s in trend.stories[:3])
            print(f"  {trend.name} ({trend.score:.1f}; {len(trend.stories)} stories): {titles}")
        for watch in WATCHES:
            subject = watch_subject(memory, watch, week, as_of=AS_OF, window=window)
            if subject.counts[-1]:
                rises = "RISES" if subject.rising else "usual"
                print(f"    watch {watch.name}: {subject.counts} {rises}, p {subject.p_value:.2g}")


if __name__ == "__main__":
    main()
