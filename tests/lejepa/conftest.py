"""What the torch tests need of their machine."""

from __future__ import annotations

import torch

# One thread: the tensors here are small, and on a busy machine threads that wait for each other
# take five times as long as the work.
torch.set_num_threads(1)

# torchvision has no build for the CPU-only torch of the tests; the one there is imports once the
# two operators are declared that its compiled part would bring. timm's encoders then work.
_library = torch.library.Library("torchvision", "DEF")
for _name in ("nms", "qnms"):
    _library.define(f"{_name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
