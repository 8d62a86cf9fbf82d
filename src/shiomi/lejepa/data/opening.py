"""One address, four kinds of data: which one it is shows in what lies there."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from shiomi.lejepa.data.folder import open_folder
from shiomi.lejepa.data.hf_disk import open_hf_disk
from shiomi.lejepa.data.labels_file import read_labels
from shiomi.lejepa.data.parquet import open_parquet
from shiomi.lejepa.data.source import Source, Unreadable
from shiomi.lejepa.data.webdataset import open_webdataset
from shiomi.lejepa.errors import DataError

__all__ = ["open_source"]

_SHARDS = (".tar", ".tgz")


def open_source(path: Path, labels: Path | None = None, *, use_labels: bool = True) -> Source:
    """Open the images at `path`.

    A file `*.parquet` or a folder of them; a file `*.tar` or a folder of them (webdataset); a
    folder that `Dataset.save_to_disk` wrote; any other folder is one of image files.

    Parameters
    ----------
    labels
        A file with one class number per line, in place of what the data says itself.
    use_labels
        False leaves out all labels.

    Raises
    ------
    DataError
        Nothing is there, it is of no known kind, it holds no image, or labels cannot be meant.
    """
    if not path.exists():
        raise DataError(f"{path} does not exist")
    source = _open(path)
    if not use_labels:
        return _Relabelled(source, None)
    if labels is not None:
        return _Relabelled(source, read_labels(labels, source))
    return source


def _open(path: Path) -> Source:
    if path.is_dir():
        if (path / "state.json").is_file() or (path / "dataset_dict.json").is_file():
            return open_hf_disk(path)
        if any(path.glob("*.parquet")):
            return open_parquet(path)
        if any(path.glob("*.tar")):
            return open_webdataset(path)
        return open_folder(path)
    if path.suffix == ".parquet":
        return open_parquet(path)
    if path.suffix in _SHARDS or ".tar" in path.suffixes:
        return open_webdataset(path)
    raise DataError(
        f"{path} is of no known kind; give a folder of images, a .parquet with a column of image"
        " bytes, a folder of `Dataset.save_to_disk`, or webdataset shards (.tar)"
    )


@dataclass(frozen=True)
class _Relabelled:
    """A source under other labels."""

    source: Source
    labels: list[int] | None

    @property
    def names(self) -> list[str]:
        return list(self.source.names)

    @property
    def classes(self) -> tuple[str, ...] | None:
        return None

    @property
    def unreadable(self) -> list[Unreadable]:
        return list(self.source.unreadable)

    def __len__(self) -> int:
        return len(self.source)

    def read(self, index: int) -> bytes:
        return self.source.read(index)
