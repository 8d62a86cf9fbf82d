"""Write `src/shiomi/gate/data/ranges/`: the networks that operators publish, one file per name.

The source is the copy of lord-alfred/ipranges (CC0-1.0) in the folder of real data. `apple-proxy`
is not used, because its addresses are the exits of iCloud Private Relay, which people use.
`duckassistbot` now has the same addresses as `duckduckbot`. It still has its own file, because the
two lists may differ later.

    python tools/gate/ranges.py
"""

from __future__ import annotations

import os
from pathlib import Path

from shiomi.gate.addresses import parse_prefixes

ROOT = Path(__file__).parents[2]
SOURCE = Path(os.environ.get("SHIOMI_DATA", ROOT.parent / "shared" / "data")) / "gate" / "ipranges"
TARGET = ROOT / "src" / "shiomi" / "gate" / "data" / "ranges"
ORIGIN = "lord-alfred/ipranges @14dd971 (CC0-1.0), taken 2026-11-23"
LEFT_OUT = {"apple-proxy"}


def main() -> None:
    """Write the files and print how many networks each holds."""
    TARGET.mkdir(parents=True, exist_ok=True)
    for folder in sorted(path for path in SOURCE.iterdir() if path.is_dir()):
        if folder.name in LEFT_OUT:
            continue
        lines = [
            line
            for path in sorted(folder.glob("ipv?_merged.txt"))
            for line in path.read_text(encoding="ascii").split()
        ]
        parse_prefixes("\n".join(lines), where=folder.name)
        text = "\n".join([f"# {folder.name}: {ORIGIN}", *lines, ""])
        (TARGET / f"{folder.name}.txt").write_text(text, encoding="ascii")
        print(f"{folder.name:14}{len(lines):6}")


if __name__ == "__main__":
    main()
