"""Labels from a text file, for images that bring none."""

from __future__ import annotations

from pathlib import Path

from shiomi.lejepa.data.source import UNLABELLED, Source
from shiomi.lejepa.errors import DataError

__all__ = ["read_labels"]


def read_labels(path: Path, source: Source) -> list[int]:
    """Return one class per image of `source`, from a file with one whole number per line.

    The lines stand in the order of the images (for a folder: of their names). An empty last line
    is none; -1 is an image without a label.

    Raises DataError where the file cannot be read, a line is no whole number, or there are more or
    fewer lines than images.
    """
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or error
        raise DataError(f"the labels in {path} cannot be read: {reason}") from None
    while lines and not lines[-1].strip():
        lines.pop()
    labels = []
    for number, line in enumerate(lines, 1):
        try:
            labels.append(max(int(line), UNLABELLED))
        except ValueError:
            raise DataError(
                f"{path}, line {number}: {line[:40]!r} is no whole number; give one class number"
                " per line"
            ) from None
    if len(labels) != len(source):
        raise DataError(
            f"{path} has {len(labels)} labels for {len(source)} images; give one per image, in the"
            " order of their names"
        )
    return labels
