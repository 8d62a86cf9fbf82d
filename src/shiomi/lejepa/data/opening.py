"""Open images of four kinds. The path's content shows the kind. Labels may come from a separate
file."""

from __future__ import annotations

from pathlib import Path

from shiomi.lejepa.data.folder import open_folder
from shiomi.lejepa.data.hf_disk import open_hf_disk
from shiomi.lejepa.data.parquet import open_parquet
from shiomi.lejepa.data.rows import DETECTED, Columns
from shiomi.lejepa.data.source import UNLABELLED, Source
from shiomi.lejepa.data.webdataset import open_webdataset
from shiomi.lejepa.errors import DataError

__all__ = ["open_source"]


def open_source(
    path: Path,
    labels: Path | None = None,
    *,
    use_labels: bool = True,
    columns: Columns = DETECTED,
) -> Source:
    """Open the images at `path`.

    The path is a file `*.parquet` or a folder of them, a file `*.tar` or a folder of them
    (webdataset), or a folder that `Dataset.save_to_disk` wrote. Any other folder is read as a
    folder of image files.

    Parameters
    ----------
    labels
        A file with one class number per line. It replaces the labels of the data.
    use_labels
        False: ignore all labels.
    columns
        Which columns of a parquet file or a data set on disk hold images and labels.

    Raises
    ------
    DataError
        The path does not exist, its kind is unknown, it contains no image, or labels are invalid.
    """
    if not path.exists():
        raise DataError(f"{path} does not exist")
    source = _open(path, use_labels=use_labels and labels is None, columns=columns)
    if labels is not None and use_labels:
        return _Relabelled(source, _read_labels(labels, source))
    return source


def _open(path: Path, *, use_labels: bool, columns: Columns) -> Source:
    if path.is_dir():
        if (path / "state.json").is_file() or (path / "dataset_dict.json").is_file():
            return open_hf_disk(path, use_labels=use_labels, columns=columns)
        if any(path.glob("*.parquet")):
            return open_parquet(path, use_labels=use_labels, columns=columns)
        if any(path.glob("*.tar")):
            return open_webdataset(path, use_labels=use_labels)
        return open_folder(path, use_labels=use_labels)
    if path.suffix == ".parquet":
        return open_parquet(path, use_labels=use_labels, columns=columns)
    if path.suffix == ".tgz" or ".tar" in path.suffixes:
        return open_webdataset(path, use_labels=use_labels)
    raise DataError(
        f"{path} is of an unknown kind; give a folder of images, a .parquet with a column of image"
        " bytes, a folder of `Dataset.save_to_disk`, or webdataset shards (.tar)"
    )


def _read_labels(path: Path, source: Source) -> list[int]:
    """Return one class per image of `source`, from a file with one whole number per line.

    The lines are in the order of the images; for a folder, that is the order of their names. An
    empty last line is ignored. -1 marks an image without a label.

    Raises DataError if the file cannot be read, a line is not an integer, or the number of lines is
    not the number of images.
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
                f"{path}, line {number}: {line[:40]!r} is not an integer; give one class number"
                " per line"
            ) from None
    if len(labels) != len(source):
        raise DataError(
            f"{path} has {len(labels)} labels for {len(source)} images; give one per image, in the"
            " order of their names"
        )
    return labels


class _Relabelled:
    """A source whose labels are replaced."""

    def __init__(self, source: Source, labels: list[int]) -> None:
        self.names = source.names
        self.labels: list[int] | None = labels
        self.classes: tuple[str, ...] | None = None
        self.unreadable = source.unreadable
        self._source = source

    def __len__(self) -> int:
        return len(self.names)

    def read(self, index: int) -> bytes:
        return self._source.read(index)
