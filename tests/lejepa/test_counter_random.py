from __future__ import annotations

import numpy as np
import scipy  # scipy.stats is slow to import, and comes at its first use

from shiomi.lejepa.counter_random import key, uniform


def test_numbers_are_uniform_and_do_not_depend_on_each_other() -> None:
    u = uniform(7, np.arange(300)[:, None], np.arange(300))
    assert ((u >= 0) & (u < 1)).all()
    assert scipy.stats.kstest(u.ravel(), "uniform").pvalue > 1e-3
    for shifted in (u[:, 1:].ravel(), u[1:].ravel()):
        assert abs(np.corrcoef(u.ravel()[: len(shifted)], shifted)[0, 1]) < 0.02


def test_a_number_is_a_function_of_its_counters_alone() -> None:
    table = uniform(1, np.arange(5)[:, None], np.arange(6))
    assert uniform(1, 3, 4) == table[3, 4]
    assert uniform(2, 3, 4) != table[3, 4]
    assert uniform(1, 4, 3) != table[3, 4]


def test_keys_are_seeds_that_torch_and_numpy_take() -> None:
    keys = {key(0, step) for step in range(1000)}
    assert len(keys) == 1000
    assert all(0 <= one < 2**63 for one in keys)
    assert key(-1, 3) != key(1, 3)
