"""Write one offline HTML page about a run: curves, spectra, normality, neighbours, patches,
settings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from torch import nn

from shiomi.lejepa.atomic import write_atomically
from shiomi.lejepa.config import PretrainConfig
from shiomi.lejepa.data.images import Images
from shiomi.lejepa.report.gather import Findings, gather
from shiomi.lejepa.report.page import render_page
from shiomi.lejepa.run_folder import RunFolder

__all__ = ["Findings", "gather", "render_page", "write_report"]


def write_report(
    folder: RunFolder,
    config: PretrainConfig,
    encoder: nn.Module,
    images: Images,
    *,
    out: Path | None = None,
    progress: Callable[[int, int | None, str], None] = lambda *_: None,
) -> Findings:
    """Write the report of the run in `folder` to `out`, or into the run's folder; return its facts.

    `config` is the run's configuration, in which the sizes must not be None. Raises RunError if the
    page cannot be written.
    """
    found = gather(folder, config, encoder, images, progress=progress)
    write_atomically(out or folder.report, render_page(found).encode())
    return found
