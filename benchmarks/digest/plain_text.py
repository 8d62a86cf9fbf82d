"""Compare our HTML to plain text with the standard html.parser, on ordinary and hostile input.

    python benchmarks/digest/plain_text.py

Prints seconds and ratios. The hostile input repeats "<a ", a tag that never ends.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from html.parser import HTMLParser

from shiomi.digest.sources.plain_text import plain_text

ORDINARY = (
    '<div class="md"><p>It&#39;s <em>4.5 air</em> at 3bit &amp; <a href="https://example.org/?a=1">'
    "looks</a> promising for the 64gb+ machines.</p><pre><code>x &lt; y</code></pre></div>\n"
)


class _Seen(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def handle_data(self, data: str) -> None:
        self.seen.append(data)


def html_parser(markup: str) -> str:
    """Return the text of the standard library's parser, without the line breaks of blocks."""
    parser = _Seen()
    parser.feed(markup)
    parser.close()
    return "".join(parser.seen)


def seconds(read: Callable[[str], str], markup: str) -> float:
    """Return the best time of three."""
    taken = []
    for _ in range(3):
        started = time.perf_counter()
        read(markup)
        taken.append(time.perf_counter() - started)
    return min(taken)


def main() -> None:
    print(f"{'input':<10} {'characters':>10} {'html.parser':>12} {'plain_text':>11} {'ratio':>8}")
    for name, unit in (("ordinary", ORDINARY), ("hostile", "<a ")):
        for size in (6_250, 12_500, 25_000):
            markup = unit * (size // len(unit))
            theirs, ours = seconds(html_parser, markup), seconds(plain_text, markup)
            print(f"{name:<10} {size:>10,} {theirs:>12.4f} {ours:>11.4f} {theirs / ours:>8.1f}")


if __name__ == "__main__":
    main()
