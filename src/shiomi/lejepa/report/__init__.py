"""Write one offline HTML page about a run: curves, spectra, normality, neighbours, patches,
settings."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from shiomi.lejepa.atomic import write_atomically
from shiomi.lejepa.config import PretrainConfig
from shiomi.lejepa.data.images import Images, Progress, typical_side
from shiomi.lejepa.data.loading import load_images
from shiomi.lejepa.data.opening import open_source
from shiomi.lejepa.data.rows import Columns
from shiomi.lejepa.devices import pick_device
from shiomi.lejepa.report.gather import Findings, gather
from shiomi.lejepa.report.page import render_page
from shiomi.lejepa.run_folder import RunFolder, load_encoder

__all__ = ["Findings", "gather", "render_page", "report_run", "write_report"]


def write_report(
    folder: RunFolder,
    config: PretrainConfig,
    encoder: nn.Module,
    images: Images,
    *,
    out: Path | None = None,
    progress: Progress = lambda *_: None,
) -> Findings:
    """Write the report of the run in `folder` to `out`, or into the run's folder; return its facts.

    `config` is the run's configuration, in which the sizes must not be None. Raises RunError if the
    page cannot be written.
    """
    found = gather(folder, config, encoder, images, progress=progress)
    write_atomically(out or folder.report, render_page(found).encode())
    return found


def report_run(
    run: Path,
    images: Path | None = None,
    out: Path | None = None,
    *,
    device: str = "auto",
    progress: Progress = lambda *_: None,
) -> tuple[Path, tuple[str, ...]]:
    """Write the report of `run`; return its path, and notes on missing parts.

    Parameters
    ----------
    images
        Images to show instead of the run's own. Their own labels are then used.
    out
        The path of the page; None: `report.html` in the run's folder.

    Raises
    ------
    RunError
        The run does not exist, it has no weights, or the page cannot be written.
    DataError
        The images do not exist any more, or cannot be read.
    """
    folder = RunFolder(run)
    config = folder.read_config()
    labels = Path(config.labels) if config.labels and images is None else None
    columns = Columns() if images else Columns(config.image_column, config.label_column)
    source = open_source(
        images or Path(config.images), labels, use_labels=config.use_labels, columns=columns
    )
    config = config.resolved(typical_side(source))
    cache = folder.cache if images is None and folder.cache.is_dir() else None
    loaded = load_images(source, config.stored_size or 0, cache=cache, progress=progress)
    encoder = load_encoder(run).to(pick_device(device))
    found = write_report(folder, config, encoder, loaded, out=out, progress=progress)
    return out or folder.report, found.notes
