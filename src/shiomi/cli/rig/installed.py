"""The user's folder of the rig: the installed data file, its key, added models, imported rows."""

from __future__ import annotations

import datetime
import os
from pathlib import Path

from shiomi.cli.output import echo
from shiomi.rig.errors import RigError, UpdateError

__all__ = ["activate_installed", "install", "rig_folder"]

_OLD_DAYS = 120


def rig_folder() -> Path:
    """Return $XDG_DATA_HOME/shiomi/rig; ~/.local/share is the default of XDG_DATA_HOME."""
    home = os.environ.get("XDG_DATA_HOME")
    return (Path(home) if home else Path.home() / ".local" / "share") / "shiomi" / "rig"


def activate_installed(today: datetime.date) -> None:
    """Activate the installed data. Print a note on stderr if the tables are older than 120 days."""
    from shiomi.rig.estimate.shared_rows import activate_rows
    from shiomi.rig.tables import activate, data_date, open_signed

    folder = rig_folder()
    update = None
    if (folder / "data.json").exists():
        try:
            update = open_signed((folder / "data.json").read_bytes(), key=_trusted(folder) or "")
        except (OSError, RigError) as error:
            echo(f"note: the installed data file is not used: {error}", err=True)
    activate(update, folder / "models")
    activate_rows(folder / "rows.jsonl")
    age = (today - data_date()).days
    if age > _OLD_DAYS:
        echo(
            f"note: the rig's data are {age} days old ({data_date()}); `shiomi rig update`"
            " installs a newer data file",
            err=True,
        )


def install(data: bytes, key: str | None) -> str:
    """Check a whole data file, store it, and return its day.

    Raises UpdateError if it is not signed by the trusted key, or a table cannot be read.
    """
    from shiomi.rig.tables import activate, open_signed

    folder = rig_folder()
    trusted = _trusted(folder)
    if trusted and key and key != trusted:
        raise UpdateError(
            f"--key is not the trusted key; remove {folder / 'trusted.key'} to trust another key"
        )
    if not (trusted or key):
        raise UpdateError("--key with the signer's public key is required the first time")
    update = open_signed(data, key=trusted or key or "")
    activate(update, folder / "models")
    try:
        _read_everything()
    except Exception as error:
        activate(None, folder / "models")
        raise UpdateError(f"the data file cannot be used: {error}") from error
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in (("trusted.key", (trusted or key or "").encode()), ("data.json", data)):
        part = folder / f"{name}.part"
        part.write_bytes(content)
        part.replace(folder / name)
    return update.date.isoformat()


def _trusted(folder: Path) -> str | None:
    file = folder / "trusted.key"
    return file.read_text(encoding="utf-8").strip() if file.exists() else None


def _read_everything() -> None:
    """Read every table and make one estimate, so that a broken table is refused."""
    from shiomi.rig.buy.catalog import load_catalog
    from shiomi.rig.buy.prices import example_prices
    from shiomi.rig.buy.whole import example_machines
    from shiomi.rig.estimate.fit import fit_models
    from shiomi.rig.machine.gpus import known_gpus
    from shiomi.rig.machine.machine import Machine
    from shiomi.rig.model.known_models import known_models
    from shiomi.rig.model.quality import quality_table

    quality_table()
    for currency in ("JPY", "USD"):
        refused = example_prices(load_catalog(), currency).refused
        if refused:
            raise UpdateError(refused[0])
        example_machines(currency)
    fit_models(known_models(), Machine("check", (known_gpus()[-1],), 64.0, 80.0))
