"""The state in a file: exact over processes, outlives SIGKILL, and says what is wrong with it."""

from __future__ import annotations

import logging
import os
import resource
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from shiomi.gate.errors import StateError
from shiomi.gate.state.file import FileState
from tests.gate.servers import ROOT

NOW = 1_790_000_000.0
BUDGET = 2000


def worker(path: Path, code: str) -> subprocess.Popen[str]:
    """A process with the state at `path` open as `state`."""
    script = f"from shiomi.gate.state.file import FileState\nstate = FileState({str(path)!r})\n"
    return subprocess.Popen(
        [sys.executable, "-c", script + code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
    )


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "gate.state"


@pytest.mark.process
def test_four_workers_together_admit_the_budget(path: Path) -> None:
    """Bar: at most 1.02 times. The clock stands still, so that nothing comes back meanwhile."""
    FileState(path, clients=1000).close()
    code = f"""
input()
charge = ((7, 1.0, {BUDGET - 1}.0), (8, 1.0, 1e6))
print(sum(state.take(charge, {NOW}) == 0.0 for _ in range({BUDGET})))
"""
    workers = [worker(path, code) for _ in range(4)]
    for one in workers:  # all are ready before the first begins
        assert one.stdin is not None
        one.stdin.write("\n")
        one.stdin.flush()
    admitted = [int(one.communicate(timeout=60)[0]) for one in workers]
    assert BUDGET <= sum(admitted) <= BUDGET * 1.02


@pytest.mark.process
def test_bans_and_budgets_outlive_sigkill(path: Path) -> None:
    one = worker(
        path,
        f"""
state.revoke([5], {NOW + 3600}, {NOW})
state.take(((7, 60.0, 0.0),), {NOW})
print("done", flush=True)
input()
""",
    )
    assert one.stdout is not None
    assert one.stdout.readline() == "done\n"
    one.send_signal(signal.SIGKILL)
    one.communicate(timeout=10)
    state = FileState(path)
    assert state.revoked([4, 5], NOW + 1) == NOW + 3600
    assert state.revoked([4], NOW + 1) == 0.0
    assert state.take(((7, 60.0, 0.0),), NOW) == 60.0
    state.close()


@pytest.mark.process
def test_workers_killed_at_any_moment_leave_a_state_that_is_whole(path: Path) -> None:
    state = FileState(path, clients=1000)
    state.revoke([5], NOW + 3600, NOW)
    for number, delay in enumerate((0.0, 0.003, 0.01, 0.02)):
        one = worker(
            path,
            f"""
print("begun", flush=True)
n = 0
while True:
    n += 1
    state.take(((n, 60.0, 0.0), (n + 1, 60.0, 60.0)), {NOW})
""",
        )
        assert one.stdout is not None
        one.stdout.readline()
        time.sleep(delay)
        one.send_signal(signal.SIGKILL)
        one.communicate(timeout=10)
        assert state.take(((-1 - number, 1.0, 0.0),), NOW) == 0.0  # not locked
    assert state.revoked([5], NOW) == NOW + 3600
    state.close()
    FileState(path, on_damage="refuse").close()


def test_the_secret_is_one_for_all_who_share_the_file(path: Path) -> None:
    one, two = FileState(path, clients=10), FileState(path, clients=10)
    assert one.secret == two.secret
    assert len(one.secret) == 32
    one.revoke([1], NOW + 10, NOW)
    assert two.revoked([1], NOW) == NOW + 10
    one.close()
    two.close()


@pytest.mark.process
def test_processes_forked_after_opening_have_locks_of_their_own(path: Path) -> None:
    """As a preloading server does it: the application first, the workers after."""
    code = """
import os
charge = ((7, 1.0, 499.0),)
pipes = []
for _ in range(4):
    read, write = os.pipe()
    pipes.append(read)
    if os.fork() == 0:
        given = sum(state.take(charge, 1.79e9) == 0.0 for _ in range(400))
        os.write(write, str(given).encode())
        os._exit(0)
    os.close(write)
print(sum(int(os.read(read, 10)) for read in pipes))
"""
    assert 500 <= int(worker(path, code).communicate(timeout=60)[0]) <= 500 * 1.02


def test_a_token_that_is_owed_is_written_down_within_a_quarter_of_a_second(path: Path) -> None:
    one, two = FileState(path, clients=100), FileState(path, clients=100)
    charge = ((1, 1.0, 1023.0),)  # 1,024 tokens, of which 3 may be owed
    for _ in range(4):
        assert one.take(charge, NOW) == 0.0
    assert one.take(((2, 1.0, 1023.0),), NOW + 0.26) == 0.0  # another client's settles it
    given = sum(two.take(charge, NOW + 0.26) == 0.0 for _ in range(1030))
    assert 1019 <= given <= 1023  # 1,020, and what the second owes itself
    one.close()
    two.close()


def test_small_budgets_owe_nothing(path: Path) -> None:
    one, two = FileState(path, clients=100), FileState(path, clients=100)
    charge = ((1, 1.0, 254.0),)
    given = sum(state.take(charge, NOW) == 0.0 for _ in range(200) for state in (one, two))
    assert given == 255
    one.close()
    two.close()


def test_threads_together_are_given_the_budget(path: Path) -> None:
    state = FileState(path, clients=100)
    charge = ((1, 1.0, 499.0),)
    with ThreadPoolExecutor(8) as pool:
        given = sum(pool.map(lambda _: state.take(charge, NOW) == 0.0, range(1500)))
    assert 500 <= given <= 500 * 1.02
    state.close()


def damages(whole: bytes) -> dict[str, bytes]:
    return {
        "cut short": whole[:-100],
        "cut to its beginning": whole[:50],
        "longer": whole + b"x",
        "a bit of the secret turned": whole[:60] + bytes([whole[60] ^ 1]) + whole[61:],
        "another program's": b"SQLite format 3\x00" + bytes(5000),
        "text": b"127.0.0.1 localhost\n",
    }


@pytest.mark.parametrize("damage", damages(bytes(100)))
def test_a_damaged_file_is_refused_or_moved_aside_as_was_chosen(
    path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    FileState(path, clients=100).close()
    damaged = damages(path.read_bytes())[damage]
    path.write_bytes(damaged)
    with pytest.raises(StateError, match=r"gate\.state .*rebuild"):
        FileState(path, clients=100)
    assert path.read_bytes() == damaged
    with caplog.at_level(logging.WARNING):
        state = FileState(path, clients=100, on_damage="rebuild")
    assert "a new file has no bans" in caplog.text
    assert path.with_name("gate.state.damaged").read_bytes() == damaged
    assert state.take(((1, 1.0, 0.0),), NOW) == 0.0
    state.close()


def test_an_empty_file_is_filled_as_an_administrator_made_it_for_the_servers_user(
    path: Path,
) -> None:
    path.touch(0o640)
    FileState(path, clients=100).close()
    assert path.stat().st_mode & 0o777 == 0o640


def test_a_new_file_is_for_its_owner_only(path: Path) -> None:
    FileState(path, clients=100).close()
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_file_keeps_its_own_size(path: Path) -> None:
    FileState(path, clients=100).close()
    size = path.stat().st_size
    state = FileState(path, clients=5000)
    state.take(((1, 1.0, 0.0),), NOW)
    state.close()
    assert path.stat().st_size == size


@pytest.mark.parametrize("change", ["removed", "replaced", "cut"])
def test_a_file_that_goes_away_in_use_is_opened_again(
    path: Path, change: str, caplog: pytest.LogCaptureFixture
) -> None:
    state = FileState(path, clients=100, on_damage="rebuild")
    state.take(((1, 60.0, 0.0),), NOW)
    if change == "removed":
        path.unlink()
    elif change == "replaced":
        path.rename(path.with_suffix(".old"))
        FileState(path, clients=200).close()
    else:
        os.truncate(path, 0)
    state._look_at = 0.0  # a second has passed
    assert state.revoked([1], NOW) == 0.0
    assert state.take(((1, 60.0, 0.0),), NOW) == 0.0
    assert "opening it again" in caplog.text
    state.close()


def test_a_full_disk_is_said_and_leaves_no_half_made_file(path: Path) -> None:
    """A limit on the size of files stands for the disk: the kernel refuses the same call."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
    try:
        with pytest.raises(StateError, match=r"no room for .* use fewer than 100,000 clients"):
            FileState(path, clients=100_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    FileState(path, clients=100).close()


def test_a_place_that_cannot_hold_it_is_named(tmp_path: Path) -> None:
    with pytest.raises(StateError, match=r"absent.*folder must exist"):
        FileState(tmp_path / "absent" / "gate.state")
    with pytest.raises(StateError, match="cannot be opened"):
        FileState(tmp_path)


@pytest.mark.process
def test_a_stopped_worker_that_holds_the_lock_is_named_in_time(path: Path) -> None:
    state = FileState(path, clients=100)
    holder = worker(path, "state._acquire(); print('held', flush=True); input()")
    assert holder.stdout is not None
    holder.stdout.readline()
    with pytest.raises(StateError, match="look for a stopped worker"):
        state.take(((1, 1.0, 0.0),), NOW)
    holder.communicate("\n", timeout=10)
    assert state.take(((1, 1.0, 0.0),), NOW) == 0.0
    state.close()


def test_a_closed_state_says_so(path: Path) -> None:
    state = FileState(path, clients=100)
    state.close()
    with pytest.raises(StateError, match="closed"):
        state.take(((1, 1.0, 0.0),), NOW)
    with pytest.raises(StateError, match="closed"):
        state.revoked([1], NOW)
    state.close()


def test_wrong_choices_are_named(path: Path) -> None:
    with pytest.raises(StateError, match="at least 1 client"):
        FileState(path, clients=0)
    with pytest.raises(StateError, match="'perhaps'"):
        FileState(path, on_damage="perhaps")  # type: ignore[arg-type]
