"""A sample of `benchmarks/lejepa/fuzz.py`: no configuration ends in a stranger's error."""

from __future__ import annotations

import pytest
from benchmarks.lejepa.fuzz import search


@pytest.mark.slow
def test_accepted_configurations_train_and_refused_ones_say_value_and_remedy() -> None:
    trained, refused, findings = search(60, seed=1)
    assert not findings
    assert trained > 10
    assert refused > 10
