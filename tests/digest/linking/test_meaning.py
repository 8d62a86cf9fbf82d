"""The second judge, which uses MiniLM."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest

from shiomi.digest.archive import Archive
from shiomi.digest.errors import LinkingError
from shiomi.digest.linking import Linker, link_pending, meaning, reasons
from shiomi.digest.linking.meaning import INPUTS, MEANING, MeaningJudge, SentenceEncoder
from tests.digest.linking.conftest import make_thread

NEWS = make_thread(
    "hackernews:1",
    "GitHub is down for many users",
    url="https://a.example/github-outage-today",
)
TOLD = make_thread(
    "lobsters:2",
    "GitHub suffers an outage for many users",
    day=0.1,
    url="https://b.example/github-suffers-an-outage",
)
OTHER = make_thread("lobsters:3", "Knitting for beginners", url="https://c.example/knit")


@pytest.fixture(scope="module")
def reading() -> Linker:
    return Linker.load("minilm")


@pytest.fixture(scope="module")
def encoder() -> SentenceEncoder:
    return MeaningJudge.load().encoder


def test_two_wordings_of_one_event_are_nearer_than_another_subject(
    encoder: SentenceEncoder,
) -> None:
    news, told, other = encoder.encode([NEWS.title, TOLD.title, OTHER.title])
    assert news @ told > 0.6
    assert news @ other < 0.2


def test_a_text_has_one_vector_in_whatever_company_it_is_read(encoder: SentenceEncoder) -> None:
    texts = [NEWS.title, "", "\ud800", "a " * 500, "日本語の題"]
    together = SentenceEncoder().encode(texts)
    assert together.shape == (5, 384)
    alone = np.concatenate([encoder.encode([text]) for text in texts])
    assert np.allclose(together, alone, atol=1e-6)


def test_only_open_pairs_are_judged_by_it(linker: Linker, reading: Linker) -> None:
    japanese = [
        make_thread(f"zenn:{n}", f"大規模言語モデルを{how}公開", url=f"https://zenn.dev/a/x{n}")
        for n, how in enumerate(("", "新しく"))
    ]
    a, b = [NEWS, NEWS, NEWS, japanese[0]], [TOLD, OTHER, NEWS, japanese[1]]
    default, read = linker.judge(a, b)[0], reading.judge(a, b)[0]
    assert default[0, 0] != read[0, 0]
    assert (default[1:] == read[1:]).all()  # improbable, of one page, not English


def test_its_part_of_the_judgement_is_a_reason(linker: Linker, reading: Linker) -> None:
    assert "meaning" in {one.group for one in reasons(reading, NEWS, TOLD)}
    assert "meaning" not in {one.group for one in reasons(linker, NEWS, TOLD)}


def test_another_encoder_links_all_threads_again(
    archive: Archive, linker: Linker, reading: Linker
) -> None:
    archive.add([NEWS, TOLD, OTHER], seen=1_700_000_000)
    for judge in (linker, reading, linker):
        assert link_pending(archive, judge).threads == 3
        assert link_pending(archive, judge).threads == 0


def test_without_the_extra_the_remedy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meaning, "find_spec", lambda _: None)
    with pytest.raises(LinkingError, match=r"from the extra 'minilm': see docs/install\.md"):
        SentenceEncoder()


def test_other_weights_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(b"not MiniLM")
    with pytest.raises(LinkingError, match="another SHA-256"):
        SentenceEncoder(path)


def test_the_shipped_coefficients_fit_the_features_of_this_version() -> None:
    with np.load(str(files("shiomi.digest.linking") / "judge_minilm.npz")) as stored:
        assert tuple(stored["inputs"]) == (*INPUTS, *MEANING)


def test_coefficients_of_unknown_features_are_refused(
    tmp_path: Path, encoder: SentenceEncoder
) -> None:
    path = tmp_path / "judge.npz"
    np.savez(path, inputs=np.array(["length", *MEANING]))
    with pytest.raises(LinkingError, match="inputs not known here: length"):
        MeaningJudge.of(path, encoder)
