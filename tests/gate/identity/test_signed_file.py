"""A list is taken only with the signature of its key, where a key is given."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from shiomi.cli.gate import gate
from shiomi.gate.errors import DataError
from shiomi.gate.identity.signed_file import check_signature
from tests.gate.servers import needs

pytestmark = pytest.mark.process


@pytest.fixture
def signed(tmp_path: Path) -> Path:
    """A list of ranges that OpenSSL signed, beside its key."""
    openssl = needs("openssl")
    (tmp_path / "office.txt").write_text("192.0.2.0/24\n")

    def run(*words: str) -> None:
        subprocess.run([openssl, *words], cwd=tmp_path, check=True, capture_output=True)

    run("genpkey", "-algorithm", "ed25519", "-out", "key.pem")
    run("pkey", "-in", "key.pem", "-pubout", "-out", "public.pem")
    sign = ("pkeyutl", "-sign", "-rawin", "-inkey", "key.pem", "-in", "office.txt")
    run(*sign, "-out", "office.txt.sig")
    return tmp_path


def test_a_signed_list_is_taken_and_an_altered_one_is_not(
    signed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(signed)
    words = ["update", "--key", "public.pem", "--data", "data", "office=office.txt"]
    assert CliRunner().invoke(gate, words).exit_code == 0
    assert (signed / "data" / "ranges" / "office.txt").exists()
    (signed / "office.txt").write_text("192.0.0.0/16\n")
    with pytest.raises(DataError, match="does not fit"):
        CliRunner().invoke(gate, words, catch_exceptions=False)


@pytest.mark.parametrize("damage", ["office.txt.sig", "public.pem"])
def test_a_missing_or_damaged_part_is_named(signed: Path, damage: str) -> None:
    check_signature(signed / "office.txt", signed / "public.pem")
    (signed / damage).write_text("nonsense")
    with pytest.raises(DataError, match=damage):
        check_signature(signed / "office.txt", signed / "public.pem")
    (signed / damage).unlink()
    with pytest.raises(DataError, match="cannot be read"):
        check_signature(signed / "office.txt", signed / "public.pem")
