from __future__ import annotations

import subprocess
import sys

import pytest

import shiomi.lejepa

pytestmark = pytest.mark.process


def test_every_public_name_is_there() -> None:
    for name in shiomi.lejepa.__all__:
        assert getattr(shiomi.lejepa, name).__name__ == name
    assert set(shiomi.lejepa.__all__) <= set(dir(shiomi.lejepa))
    assert not hasattr(shiomi.lejepa, "Teacher")


def test_the_errors_and_the_command_come_without_torch() -> None:
    code = (
        "import sys, shiomi.lejepa.errors, shiomi.cli.lejepa\n"
        "print(*[m for m in ('torch', 'numpy', 'timm', 'PIL') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_pretraining_needs_neither_timm_nor_torchvision() -> None:
    code = (
        "import sys\n"
        "sys.modules['timm'] = sys.modules['torchvision'] = None\n"
        "import shiomi.lejepa.pretraining\n"
        "from shiomi.lejepa.encoders import build_encoder\n"
        "from shiomi.lejepa.errors import MissingError\n"
        "build_encoder('small', 32)\n"
        "try:\n"
        "    build_encoder('resnet18', 32)\n"
        "except MissingError as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "extra 'lejepa'" in done.stdout
