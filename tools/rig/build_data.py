"""Build and sign a data file of the rig from the tables of this tree.

    python -m tools.rig.build_data --new-key private.key
    python -m tools.rig.build_data --key private.key -o rig-data.json

The tables are read from src/. Refresh them first (`refresh_catalog`, `fit_coefficients`, `python -m
benchmarks.rig.people --write`). Each row of prices and scores has its day and basis. The file also
lists the sources that the tables state.
"""

from __future__ import annotations

import argparse
import base64
import csv
import datetime
import json
import os
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from shiomi.rig.tables import SHIPPED, TABLES, sign, table_text

ROOT = Path(__file__).parents[2]
MODELS = ROOT / "src" / "shiomi" / "rig" / "model" / "models"


def sources() -> dict[str, str]:
    """Return the sources of each table, from its own columns."""
    found = {}
    for name in TABLES:
        text = table_text(name)
        if name.endswith(".json"):
            said = json.loads(text)
            found[name] = str(said.get("source") or said.get("about"))[:500]
            continue
        lines = [x for x in text.splitlines() if not x.startswith("#")]
        column = "shop" if name == "example_prices.csv" else "source"
        named = {(row.get(column) or "").partition(";")[0] for row in csv.DictReader(lines)}
        found[name] = "; ".join(sorted(x for x in named if x))[:2000]
    return found


def main() -> None:
    """Make a key, or a signed data file."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--new-key", type=Path, help="write a private key and print its public one")
    parser.add_argument("--key", type=Path)
    parser.add_argument("--date", type=datetime.date.fromisoformat, default=SHIPPED)
    parser.add_argument("-o", "--out", type=Path, default=Path("rig-data.json"))
    asked = parser.parse_args()
    if asked.new_key:
        private = Ed25519PrivateKey.generate()
        with os.fdopen(
            os.open(asked.new_key, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb"
        ) as file:
            file.write(private.private_bytes_raw())
        print(base64.b64encode(private.public_key().public_bytes_raw()).decode())
        return
    payload = {
        "date": asked.date.isoformat(),
        "sources": sources(),
        "tables": {name: table_text(name) for name in TABLES},
        "models": {x.name: x.read_text("utf-8") for x in sorted(MODELS.glob("*.toml"))},
    }
    asked.out.write_bytes(sign(payload, asked.key.read_bytes()))
    print(f"{asked.out}: {asked.out.stat().st_size:,} bytes of {asked.date}")


if __name__ == "__main__":
    main()
