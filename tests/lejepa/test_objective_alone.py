"""The objective needs only torch."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.process


def test_importing_it_imports_no_library_but_torch_s_own() -> None:
    """Facts, bug 5: the official package needs scipy and does not say so."""
    code = """
import sys
import shiomi.lejepa.errors
assert "torch" not in sys.modules
import torch
before = set(sys.modules)
import shiomi.lejepa.loss, shiomi.lejepa.statistics
new = {name.partition(".")[0] for name in set(sys.modules) - before}
strangers = new & {"scipy", "timm", "torchvision", "pyarrow", "PIL", "onnx", "lightly", "pandas"}
assert not strangers, strangers
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
