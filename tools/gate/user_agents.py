"""Write `src/shiomi/gate/data/user_agents.tsv` from the lists in the folder of real data.

The sources are crawler-user-agents (MIT; patterns and tags), ai.robots.txt (MIT; names), and our
own tables in the same folder as the result. The browsers of uap-core are used only in tests.

    python tools/gate/user_agents.py
"""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path

from shiomi.gate.identity.crawler_lists import (
    format_patterns,
    join_patterns,
    parse_ai_robots,
    parse_crawlers,
)

ROOT = Path(__file__).parents[2]
SOURCE = Path(os.environ.get("SHIOMI_DATA", ROOT.parent / "shared" / "data")) / "gate"
TARGET = ROOT / "src" / "shiomi" / "gate" / "data" / "user_agents.tsv"
ORIGINS = {
    "made by": "tools/gate/user_agents.py, 2026-11-29",
    "patterns and tags": "monperrus/crawler-user-agents @7c7f9f2 (MIT), taken 2026-11-23",
    "names": "ai-robots-txt/ai.robots.txt @738c80d (MIT), taken 2026-11-23",
    "purposes, operators, ranges, DNS": "clients.tsv and shapes.tsv beside this file, made by hand",
}


def main() -> None:
    """Write the file and print how many patterns each purpose has."""
    crawlers = SOURCE / "crawler-user-agents" / "crawler-user-agents.json"
    robots = SOURCE / "ai.robots.txt" / "robots.json"
    patterns = join_patterns(
        parse_crawlers(json.loads(crawlers.read_text(encoding="utf-8")), where=crawlers.name),
        parse_ai_robots(json.loads(robots.read_text(encoding="utf-8")), where=robots.name),
    )
    TARGET.write_text(format_patterns(patterns, origins=ORIGINS), encoding="utf-8")
    for purpose, count in Counter(pattern.client.purpose for pattern in patterns).most_common():
        print(f"{purpose:14}{count:6}")
    print(f"{'all':14}{len(patterns):6}")


if __name__ == "__main__":
    main()
