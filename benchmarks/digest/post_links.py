"""Print the pairs that are tied because a text post of r/LocalLLaMA names a page, for reading.

    python benchmarks/digest/post_links.py

"one story": the post is a link in disguise (linking/post.py), and another thread is about its page.
"named": the post names the page of another thread within 14 days; the product makes no tie in this
case. The printed number is how many pages the post names.
"""

from __future__ import annotations

import gzip
import html
import json
import os
import re
from collections import defaultdict
from pathlib import Path

from shiomi.digest.archive.reddit_markdown import plain_markdown
from shiomi.digest.linking import canonical_url
from shiomi.digest.linking.pending import SAME_PAGE
from shiomi.digest.linking.post import only_address

DATA = Path(os.environ.get("SHIOMI_DATA", Path(__file__).parents[3] / "shared" / "data"))
ADDRESS = re.compile(r"https?://[^\s\])<>\"']+")


def main() -> None:
    with gzip.open(DATA / "digest/localllama.jsonl.gz", "rt") as file:
        rows = [json.loads(line) for line in file]
    about = defaultdict(list)
    named: dict[str, set[str]] = {}
    for row in rows:
        text = html.unescape(row["selftext"] or "")
        found = {canonical_url(a.rstrip(".,;:!?*_")) for a in ADDRESS.findall(text)}
        named[row["id"]] = {page for page in found if page} if row["is_self"] else set()
        only = only_address(plain_markdown(row["selftext"] or "")) if row["is_self"] else None
        row["page"] = canonical_url(only or "" if row["is_self"] else row["url"])
        if row["page"]:
            about[row["page"]].append(row)
    posts = [row for row in rows if row["is_self"]]
    print(f"{len(posts)} text posts, {sum(bool(row['page']) for row in posts)} links in disguise")
    for row in posts:
        for page in sorted(named[row["id"]]):
            for other in about[page]:
                apart = abs(row["created_utc"] - other["created_utc"])
                both = other["is_self"] and other["id"] < row["id"]
                if other is row or apart > SAME_PAGE or both:
                    continue
                kind = "one story" if row["page"] == page else "named"
                titles = " | ".join(one["title"][:100] for one in (row, other))
                print(f"{kind} {len(named[row['id']])} {apart / 3600:.0f}h {titles} | {page}")


if __name__ == "__main__":
    main()
