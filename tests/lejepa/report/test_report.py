"""The report: one file, nothing fetched, nothing run, whatever the images are called."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import html5lib
import pytest
import torch
from torch import Tensor, nn

from shiomi.lejepa.data import load_images, open_source
from shiomi.lejepa.encoders import build_encoder
from shiomi.lejepa.errors import RunError
from shiomi.lejepa.report import gather, render_page, report_run, write_report
from shiomi.lejepa.report.gather import Findings
from shiomi.lejepa.report.page import plain_name
from shiomi.lejepa.run_folder import RunFolder, load_encoder
from tests.lejepa.image_folders import image_folder
from tests.lejepa.small_runs import SIZE, small_run

HOSTILE = '"><script>alert(1)</script>\u202e.jpg'


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    tmp_path = tmp_path_factory.mktemp("report")
    images = image_folder(tmp_path / "images")
    (images / "red" / HOSTILE.replace("/", "_")).write_bytes(
        (images / "red" / "0.jpg").read_bytes()
    )
    (images / "green" / "broken<b>.jpg").write_bytes(b"\xff\xd8 no")
    return small_run(tmp_path / "run<i>", images, probe=0.75)


@pytest.fixture(scope="module")
def page(run: RunFolder) -> str:
    path, notes = report_run(run.path)
    assert notes == ()
    return path.read_text("utf-8")


@pytest.fixture(scope="module")
def found(run: RunFolder) -> Findings:
    return gathered(run)


def test_the_page_is_whole_html_that_fetches_and_runs_nothing(page: str) -> None:
    html5lib.HTMLParser(strict=True).parse(page)
    assert "<script" not in page
    assert not re.search(r"(?:src|href)=\"(?!data:image/(?:jpeg|png);base64,)", page)
    assert "default-src 'none'" in page
    assert "\u202e" not in page
    assert "url(" not in page
    assert len(page) < 1_000_000


def test_it_shows_every_part(page: str) -> None:
    for heading in ("Training", "Spectrum", "Normality", "Nearest neighbours", "Patch features"):
        assert f"<h2>{heading}</h2>" in page
    assert page.count("<svg") == 4 + 1 + 2 + 6  # curves, RankMe, spectra, three directions
    assert "Epps-Pulley" in page
    assert "broken&lt;b&gt;.jpg" in page
    assert "training.lam" in page
    assert torch.__version__ in page
    assert "75.0%" in page


def test_every_picture_and_plot_says_what_it_shows(page: str) -> None:
    assert all('alt="' in tag and 'alt=""' not in tag for tag in re.findall("<img[^>]*>", page))
    assert all("aria-label=" in tag for tag in re.findall("<svg[^>]*>", page))
    assert page.count("<details>") >= 7  # tables behind the plots


def test_the_same_run_gives_the_same_page(found: Findings, page: str) -> None:
    assert render_page(found) == page


def test_neighbours_are_the_nearest_and_say_whether_their_class_is_the_same(
    found: Findings,
) -> None:
    assert len(found.neighbours) == 8
    for query, *others in found.neighbours:
        assert len(others) == 6
        assert query.name not in [one.name for one in others]
        similarities = [one.similarity for one in others]
        assert similarities == sorted(similarities, reverse=True)
        assert all(one.alike == (one.group == query.group) for one in others)


def gathered(run: RunFolder, encoder: nn.Module | None = None) -> Findings:
    config = run.read_config()
    images = load_images(open_source(Path(config.images)), SIZE)
    return gather(run, config, encoder or load_encoder(run.path), images)


class Plain(nn.Module):
    """An encoder of a user's own, which cannot tell of patches."""

    def forward(self, images: Tensor) -> Tensor:
        return images.mean((2, 3))


class Broken(nn.Module):
    def forward(self, images: Tensor) -> Tensor:
        raise RuntimeError("out of memory")


def test_what_cannot_be_shown_is_left_out_and_said(run: RunFolder) -> None:
    found = gathered(run, Plain())
    assert found.patches == ()
    assert found.embedding is None  # the projector takes more than 3 columns
    assert found.features is not None
    assert len(found.notes) == 3
    page = render_page(found)
    assert "Nearest neighbours" in page
    assert "no patch_features" in page


def test_a_broken_encoder_or_an_empty_run_still_gives_a_page(tmp_path: Path) -> None:
    run = small_run(tmp_path / "run", image_folder(tmp_path / "images", per_class=2))
    run.metrics.unlink()
    run.evaluations.unlink()
    found = gathered(run, Broken())
    assert "out of memory" in found.notes[0]
    html5lib.HTMLParser(strict=True).parse(render_page(found))


def test_long_curves_and_thousands_of_skipped_files_keep_the_page_small(found: Findings) -> None:
    rows = [{"step": float(i), "loss": 1 / i, "lr": 1e-3} for i in range(1, 50_001)]
    skipped = tuple((f"{i}.jpg", "empty file") for i in range(10_000))
    page = render_page(replace(found, metrics=rows, skipped=skipped))
    assert len(page) < 1_000_000
    assert "and 9,800 more" in page


def test_values_that_are_not_finite_or_all_the_same_are_drawn_around(found: Findings) -> None:
    nan, inf = float("nan"), float("inf")
    rows = [{"step": float(i), "loss": v, "lr": 1.0} for i, v in enumerate((nan, 2.0, inf, 2.0))]
    page = render_page(replace(found, metrics=rows))
    html5lib.HTMLParser(strict=True).parse(page)
    assert "nan" not in "".join(re.findall(r'points="[^"]*"', page))


def test_names_are_shown_short_and_visible() -> None:
    assert plain_name("a\u202eb\x00\n") == "a\ufffdb\ufffd\ufffd"
    assert len(plain_name("x" * 500)) == 80
    assert plain_name("x" * 500 + "/end.jpg").endswith("/end.jpg")


def test_a_page_that_cannot_be_written_is_said(run: RunFolder, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match="cannot be written"):
        report_run(run.path, out=tmp_path / "file" / "report.html")


@pytest.mark.slow
def test_a_transformer_shows_its_tokens(run: RunFolder) -> None:
    config = run.read_config()
    images = load_images(open_source(Path(config.images)), SIZE)
    encoder = build_encoder("vit_tiny_patch16_224", 224).eval()
    found = write_report(run, replace(config, global_size=224), encoder, images)
    assert {one.grid for one in found.patches} == {(14, 14)}
