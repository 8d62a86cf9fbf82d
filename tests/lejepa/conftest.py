"""What the torch tests need of their machine."""

from __future__ import annotations

import torch

# One thread: the tensors here are small, and on a busy machine threads that wait for each other
# take five times as long as the work.
torch.set_num_threads(1)
