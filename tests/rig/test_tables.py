"""Tables are replaced by a data file only if its signer is trusted and nothing was changed."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from shiomi.rig.errors import UpdateError
from shiomi.rig.estimate.shared_rows import (
    SharedRow,
    activate_rows,
    believable,
    factor_of_rows,
    parse_rows,
)
from shiomi.rig.machine.gpus import known_gpus
from shiomi.rig.model.known_models import known_models
from shiomi.rig.tables import SHIPPED, activate, data_date, open_signed, sign, table_text

PRIVATE = bytes(range(32))
KEY = base64.b64encode(
    Ed25519PrivateKey.from_private_bytes(PRIVATE).public_key().public_bytes_raw()
).decode()
ROW = SharedRow("RTX 3090", 1, "Qwen3-8B", "Q4_K_M", "llama.cpp", "2026-11-01", 512, 128, 140.0)


@pytest.fixture(autouse=True)
def shipped_again() -> Iterator[None]:
    yield
    activate(None)
    activate_rows(None)


def payload(**instead: object) -> dict[str, object]:
    return {"date": "2026-12-24", "sources": {}, "tables": {}, "models": {}} | instead


def test_an_activated_table_replaces_the_shipped_one_and_every_cache() -> None:
    before = len(known_gpus())
    lines = table_text("gpus.csv").splitlines()
    tables = {"gpus.csv": "\n".join([*lines, lines[-1].replace(lines[-1].split(",")[0], "New")])}
    model = table_model()
    update = open_signed(sign(payload(tables=tables, models={"n.toml": model}), PRIVATE), key=KEY)
    activate(update)
    assert len(known_gpus()) > before
    assert "Newest-1B" in {x.name for x in known_models()}
    assert data_date().isoformat() == "2026-12-24"
    activate(None)
    assert len(known_gpus()) == before
    assert data_date() == SHIPPED


def table_model() -> str:
    return (
        'name = "Newest-1B"\nsource = "a test"\n[config]\nmodel_type = "qwen3"\n'
        "num_hidden_layers = 8\nhidden_size = 1024\nintermediate_size = 3072\n"
        "num_attention_heads = 16\nnum_key_value_heads = 8\nhead_dim = 128\nvocab_size = 32000\n"
        "tie_word_embeddings = true\n"
    )


def test_a_changed_byte_another_key_and_other_files_are_refused() -> None:
    data = sign(payload(), PRIVATE)
    assert open_signed(data, key=KEY).date.year == 2026
    with pytest.raises(UpdateError, match="changed after"):
        open_signed(data.replace(b"2026-12-24", b"2026-12-25"), key=KEY)
    with pytest.raises(UpdateError, match="signed by"):
        open_signed(sign(payload(), bytes(32)), key=KEY)
    for other in (b"", b"{}", b"[]\n[]", b'{"key": 1, "signature": "x"}\n{}', b"\xff\n"):
        with pytest.raises(UpdateError, match="not a data file"):
            open_signed(other, key=KEY)


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"date": "soon"}, "must be a day"),
        ({"tables": {"passwd": ""}}, "unknown table"),
        ({"tables": {"gpus.csv": 1}}, "must be texts"),
        ({"models": {"../x.toml": ""}}, "not in a .toml file"),
    ],
)
def test_a_payload_that_is_out_of_shape_is_named(wrong: dict[str, object], reason: str) -> None:
    with pytest.raises(UpdateError, match=reason):
        open_signed(sign(payload(**wrong), PRIVATE), key=KEY)


def test_a_shared_row_has_no_personal_data_and_is_read_again() -> None:
    assert parse_rows(ROW.line.encode()) == [ROW]
    assert set(json.loads(ROW.line)) == {
        "gpu", "gpus", "model", "quantisation", "engine", "day",
        "prompt_tokens", "written_tokens", "decode", "prefill",
    }  # fmt: skip


@pytest.mark.parametrize(
    "line", ["{}", "1", "x", ROW.line.replace("140.0", "-1"), ROW.line.replace("512", '"a"')]
)
def test_a_line_that_is_not_a_row_is_named(line: str) -> None:
    with pytest.raises(UpdateError, match="line 1"):
        parse_rows(line.encode())


def test_rows_that_cannot_be_true_are_left_out_and_others_move_the_estimate(
    tmp_path: pytest.TempPathFactory,
) -> None:
    impossible = parse_rows(ROW.line.replace("140.0", "4000").encode())
    kept, refused = believable([ROW, *impossible])
    assert kept == [ROW]
    assert len(refused) == 1
    file = tmp_path / "rows.jsonl"  # type: ignore[operator]
    file.write_text(f"{ROW.line}\n" * 3, encoding="utf-8")
    assert factor_of_rows("GeForce RTX 3090") == (1.0, 0)
    activate_rows(file)
    factor, rows = factor_of_rows("GeForce RTX 3090")
    assert rows == 3
    assert factor != 1.0
