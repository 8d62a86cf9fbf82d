"""How late the sample's bound on submission times is, where the time of submission is known.

    python runs/sample_submission_times.py

Until 2020-11-16 one source has the time a Hacker News story was submitted, the other when it was
first seen on the front page; both are compared with the bound of `build_sample.submitted_by`.
"""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np

from build_sample import SHARED, read_front_page, read_rows, submitted_by

SINCE = int(datetime(2020, 11, 9, tzinfo=UTC).timestamp())
UNTIL = int(datetime(2020, 11, 16, tzinfo=UTC).timestamp())


def main() -> None:
    front_page = read_front_page(SHARED, SINCE, UNTIL)
    bounds = submitted_by(front_page)
    known = {
        story: row["t"]
        for row in read_rows(SHARED, SINCE, UNTIL)
        if row["src"] == "massanishi" and (story := int(row["uid"].split(":")[1])) in front_page
    }
    print(f"{len(known)} stories; hours after submission:    min    50%    90%    99%")
    measures = {
        "first seen on the front page": {i: front_page[i][0].time for i in known},
        "tightest bound by later numbers": bounds,
    }
    for name, times in measures.items():
        late = np.array([(times[story] - at) / 3600 for story, at in known.items()])
        low, half, most, nearly = np.percentile(late, [0, 50, 90, 99])
        print(f"{name:38} {low:11.2f} {half:6.2f} {most:6.2f} {nearly:6.2f}")


if __name__ == "__main__":
    main()
