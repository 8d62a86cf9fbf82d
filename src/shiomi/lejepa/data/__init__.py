"""Images: a folder, parquet, a Hugging Face data set on disk, or webdataset shards.

source = open_source(Path("photos"))           encoded bytes, names, labels
images = load_images(source, size=32, ...)     decoded to one size, damaged ones left out
images.batch([0, 5])                           pixels and proportions as tensors
"""

from shiomi.lejepa.data.images import Batch, Images
from shiomi.lejepa.data.loading import load_images
from shiomi.lejepa.data.opening import open_source
from shiomi.lejepa.data.source import UNLABELLED, Source, Unreadable

__all__ = [
    "UNLABELLED",
    "Batch",
    "Images",
    "Source",
    "Unreadable",
    "load_images",
    "open_source",
]
