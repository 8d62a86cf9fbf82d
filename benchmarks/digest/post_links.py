"""Print the pairs that are linked because a text post of r/LocalLLaMA names a page.

    python benchmarks/digest/post_links.py

"one story": the post is only a link, and another thread is about the page. "named": a longer post
names the page of another thread.
"""

from __future__ import annotations

import gzip
import json
import os
from collections import Counter, defaultdict
from pathlib import Path

from shiomi.digest.archive.reddit_markdown import plain_markdown
from shiomi.digest.linking import canonical_url
from shiomi.digest.linking.pending import SAME_PAGE
from shiomi.digest.linking.post import named_pages, only_address

DATA = Path(os.environ.get("SHIOMI_DATA", Path(__file__).parents[3] / "shared" / "data"))


def main() -> None:
    with gzip.open(DATA / "digest/localllama.jsonl.gz", "rt") as file:
        rows = [json.loads(line) for line in file]
    about = defaultdict(list)
    for row in rows:
        text = plain_markdown(row["selftext"] or "") if row["is_self"] else ""
        row["named"] = named_pages(text)
        row["page"] = canonical_url((only_address(text) or "") if row["is_self"] else row["url"])
        about[row["page"]].append(row)
    found: Counter[str] = Counter()
    for row in (row for row in rows if row["is_self"]):
        for page in {*row["named"], row["page"]} - {None}:
            for other in about[page]:
                kind = "one story" if row["page"] == page else "named"
                twice = kind == "one story" and other["is_self"] and other["id"] <= row["id"]
                apart = abs(row["created_utc"] - other["created_utc"])
                if other is row or apart > SAME_PAGE or twice:
                    continue
                found[kind] += 1
                titles = " | ".join(one["title"][:100] for one in (row, other))
                print(f"{kind} {apart / 3600:.0f} h {titles} | {page}")
    print(dict(found))


if __name__ == "__main__":
    main()
