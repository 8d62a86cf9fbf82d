"""Measure how many threads about the same page canonical_url() joins, and its false merges.

    python benchmarks/digest/canonical_url.py [--sample FILE]

Four figures, each on real threads (the folder named by SHIOMI_DATA, ../shared/data by default):

1. joined: how many train pairs of the link benchmark share a key. (The two threads of such a pair
   are in two communities, within 7 days, and about one page.) Two rules are printed for comparison:
   equal raw addresses, and a rule like Horizon's. Horizon's rule lowers the case of the host and
   drops the default port, the trailing slash, the fragment and common tracking parameters, but
   keeps scheme and "www.".
2. other labels: how many pairs of threads have the same key but different labels in the benchmark,
   and how many have the same label but different keys. The labels come from another canonicaliser,
   so neither case is necessarily an error.
3. false merges: a fixed hash drew 300 pairs from all pairs within 7 days that share a key although
   their addresses differ. Each of these pairs was judged by reading both addresses and titles. The
   verdicts are in data/canonical_url_checked.jsonl. `--sample FILE` writes the pairs of the sample
   that have no verdict. The number of false merges is printed as two shares: as a share of the
   pairs that were read, and as a share of all merged pairs. Most merged pairs have equal addresses
   and cannot be wrong. The bar applies to the second share.
4. speed: microseconds per address.
"""

from __future__ import annotations

import argparse
import gc
import gzip
import hashlib
import json
import os
import re
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pyarrow.parquet as parquet

from shiomi.digest.linking.canonical_url import canonical_url

DATA = Path(os.environ.get("SHIOMI_DATA", Path(__file__).parents[3] / "shared" / "data")) / "digest"
CHECKED = Path(__file__).parent / "data" / "canonical_url_checked.jsonl"
WEEK = 7 * 86400
SEED = "2026-11-24"
# The 95 % upper bounds on the mean if 0, 1, ... events were seen.
POISSON_UPPER = (3.00, 4.74, 6.30, 7.75, 9.15)

Row = dict[str, Any]


def horizon_like(url: str) -> str:
    """Return a key with scheme and www., following the published description of Horizon's rule."""
    parts = urlsplit(url)
    tracking = re.compile(r"utm_|fbclid$|gclid$|ref$|source$")
    query = urlencode(sorted(kv for kv in parse_qsl(parts.query) if not tracking.match(kv[0])))
    host = parts.netloc.lower().removesuffix(":80").removesuffix(":443")
    return f"{parts.scheme.lower()}://{host}{parts.path.rstrip('/')}?{query}"


def lines(name: str) -> Iterator[Row]:
    with gzip.open(DATA / "linkbench" / name, "rt", encoding="utf-8") as file:
        yield from map(json.loads, file)


def print_joined() -> None:
    urls = {row["uid"]: row["url"] for row in lines("threads-train.jsonl.gz")}
    pairs = [(urls[row["a"]], urls[row["b"]]) for row in lines("pairs-train.jsonl.gz")]
    rules: dict[str, Callable[[str], str | None]] = {
        "raw equality": lambda url: url,
        "Horizon's rule": horizon_like,
        "canonical_url": canonical_url,
    }
    print(f"train pairs joined, of {len(pairs):,} (bar: 99 %)")
    for name, rule in rules.items():
        joined = sum(rule(one) == rule(other) is not None for one, other in pairs)
        print(f"  {name:16} {joined:7,} {joined / len(pairs):9.2%}")


def all_threads() -> list[Row]:
    columns = ["uid", "t", "title", "url", "canon"]
    rows = parquet.read_table(DATA / "threads.parquet", columns=columns).to_pylist()
    return [row for row in rows if row["url"]]


def pairs_within_a_week(rows: list[Row], key: str) -> Iterator[tuple[Row, Row]]:
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if row[key]:
            groups[row[key]].append(row)
    for group in groups.values():
        group.sort(key=lambda row: (row["t"], row["uid"]))
        for index, one in enumerate(group):
            for other in group[index + 1 :]:
                if other["t"] - one["t"] > WEEK:
                    break
                yield one, other


def print_merges(rows: list[Row], sample_file: Path | None) -> None:
    merged = list(pairs_within_a_week(rows, "key"))
    labelled = pairs_within_a_week(rows, "canon")
    by_label = sum(one["key"] != other["key"] for one, other in labelled)
    other_label = sum(one["canon"] != other["canon"] for one, other in merged)
    differing = [(one, other) for one, other in merged if one["url"] != other["url"]]
    print(
        f"\nall {len(rows):,} threads with a URL: {len(merged):,} pairs within 7 days share a key"
    )
    print(f"  of these with differing addresses {len(differing):,}, other labels {other_label:,}")
    print(f"  pairs of the label that share no key {by_label:,}")
    verdicts_read = map(json.loads, CHECKED.read_text("utf-8").splitlines())
    checked = {tuple(row["pair"]): row for row in verdicts_read}
    sample = sorted(differing, key=lambda pair: drawn(pair[0]["uid"], pair[1]["uid"]))[:300]
    verdicts = [checked.get((one["uid"], other["uid"])) for one, other in sample]
    wrong = [row for row in verdicts if row and not row["same"]]
    judged = sum(row is not None for row in verdicts)
    print(f"  hand-checked {judged} of a sample of {len(sample)}: {len(wrong)} false merges")
    if judged:
        scale = len(differing) / judged / len(merged)
        at_most = POISSON_UPPER[min(len(wrong), len(POISSON_UPPER) - 1)]
        print(f"  of those hand-checked: {len(wrong) / judged:.2%}, ", end="")
        print(f"with 95 % confidence at most {at_most / judged:.2%}")
        print(f"  of all merged pairs: {len(wrong) * scale:.3%} (bar: 0.1 %), ", end="")
        print(f"with 95 % confidence at most {at_most * scale:.2%}")
    for row in wrong:
        print(f"    {row['urls'][0]}\n    {row['urls'][1]}")
    if sample_file:
        todo = [pair for pair, row in zip(sample, verdicts, strict=True) if row is None]
        sample_file.write_text("".join(entry(one, other) for one, other in todo), "utf-8")
        print(f"  {len(todo)} without a verdict written to {sample_file}")


def drawn(*uids: str) -> bytes:
    return hashlib.sha256("\0".join((SEED, *uids)).encode()).digest()


def entry(one: Row, other: Row) -> str:
    """Return a line for the list of verdicts, in which the reader fills in `same`."""
    return (
        json.dumps(
            {
                "pair": [one["uid"], other["uid"]],
                "urls": [one["url"], other["url"]],
                "titles": [one["title"], other["title"]],
                "same": None,
            },
            ensure_ascii=False,
        )
        + "\n"
    )


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    arguments.add_argument("--sample", type=Path, help="write the pairs without a verdict here")
    sample_file = arguments.parse_args().sample
    print_joined()
    rows = all_threads()
    canonical_url("https://example.org/")  # reads the tables
    gc.freeze()  # reading the rows is not measured
    started = time.perf_counter()
    for row in rows:
        row["key"] = canonical_url(row["url"])
    seconds = time.perf_counter() - started
    print_merges(rows, sample_file)
    print(f"\nspeed: {seconds / len(rows) * 1e6:.1f} µs per address (target: 12)")


if __name__ == "__main__":
    main()
