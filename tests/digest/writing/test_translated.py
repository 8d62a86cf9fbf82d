"""Small models translate single sentences; what they get wrong is left out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx2
import pytest

from shiomi.digest.languages import load_language
from shiomi.digest.settings import WriterConfig
from shiomi.digest.story import Story
from shiomi.digest.thread import Passage, PassageKind, Thread
from shiomi.digest.writing.evidence import Evidence, Item, ItemKind, gather
from shiomi.digest.writing.model import ModelWriter
from shiomi.digest.writing.translated import (
    REQUESTS,
    Original,
    agrees,
    candidates,
    sentence_of,
    translation_messages,
    unfaithful,
)
from shiomi.digest.writing.trial import try_writer
from tests.digest.writing.sample import evidence

JA = load_language("ja")
# Answers of Qwen2.5-Coder-1.5B with the mean log probability of their tokens.
RIGHT = [
    (
        "If it's a MoE, Q3 would run on 64GB system RAM.",
        "MoEの場合は、64GBのシステムRAMでQ3が動作します。",
        -0.32,
    ),
    (  # a name in kanji
        "Most of the trending models on Hugging Face are from China.",
        "Hugging Faceのトレンドモデルのほとんどは中国から来ています。",
        -0.35,
    ),
]
WRONG = [
    (  # a name that is lost
        "Mark Zuckerberg notified Meta staff today to introduce them to the new team.",
        "マーケットズは今日、新のチームに彼らを紹介することを通知しました。",
        -0.30,
    ),
    (  # scripts glued together
        "Only the Noctua coolers are quieter but the U12S-3647 is still very expensive.",
        "ノクトuaの冷却器は静かですが、U12S-3647はまだ高価です。",
        -0.35,
    ),
    ("Previously led post-training at OpenAl.", "以前、OpenAlで多模態の後学習です。", -0.30),
    ("Only Mistral?", "Only Mistral?", -0.10),
]


ITEM = Item(1, ItemKind.POST, "", "lobsters:1", "lobsters", "https://lobste.rs/s/1")


@pytest.mark.parametrize("row", RIGHT + WRONG)
def test_a_right_translation_is_kept_and_a_wrong_one_left_out(row: tuple[str, str, float]) -> None:
    source, text, confidence = row
    why = unfaithful(Original("technical", source, ITEM, ""), text, confidence)
    assert (why == "") is (row in RIGHT)


def test_a_name_with_which_only_the_first_word_begins_must_not_be_lost() -> None:
    source = "Google tests the new version of Go."
    original = Original("technical", source, ITEM, "")
    assert unfaithful(original, "Googleは新しい版を試験します。", -0.1) == "lost: Go"
    assert unfaithful(original, "GoogleはGoの新しい版を試験します。", -0.1) == ""


def test_of_69_judged_translations_six_right_ones_and_a_wrong_one_are_kept() -> None:
    """A language model judged each translation of titles and sentences of r/LocalLLaMA."""
    lines = (Path(__file__).parent / "data" / "translations.jsonl").read_text("utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    faithful = [
        row for row in rows
        if not unfaithful(Original(row["slot"], row["source"], ITEM, ""), row["text"],
                          row["confidence"])
    ]  # fmt: skip
    kept = [row for row in faithful if row["back"] and agrees(row["source"], row["back"])]
    counts = [(sum(row["right"] for row in some), len(some)) for some in (rows, faithful, kept)]
    assert counts == [(16, 69), (11, 24), (6, 7)]


# Sentences, and what the same model made of its own translation.
BACK = [
    (
        "The sample rate of all audio is 24,000 kHz",
        "All audio sample rates are 24,000 kHz.",
        True,
    ),
    (  # もし誰もLlama 4 Behemothを待っていたら
        "Well, if anyone was waiting for Llama 4 Behemoth, it's gone",
        "If nobody was waiting for Llama 4 Behemoth, it was gone.",
        False,
    ),
    (  # 120Bです
        "The OpenAI Open weight model might be 120B",
        "The OpenAI open weight model is 120B.",
        False,
    ),
    (
        "All the popular public benchmarks are nearly worthless for a model's general ability.",
        "Most general public benchmarks are not close to the capabilities of the model.",
        False,
    ),
]


@pytest.mark.parametrize(("source", "back", "same"), BACK)
def test_a_translation_must_mean_the_same_when_it_is_translated_back(
    source: str, back: str, same: bool
) -> None:
    assert agrees(source, back) is same


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        ("「速く動きます。」", "速く動きます。"),
        ("「彼は「速い」と言いました。」", "彼は「速い」と言いました。"),
        ('"It runs fast."', "It runs fast."),
        ("'It doesn't run.'", "It doesn't run."),
        ("「A」と「B」", "「A」と「B」"),
        ("新しい版は「速い」", "新しい版は「速い」"),
        ("「速く動きます。", "「速く動きます。"),
        ('"A" and "B"', '"A" and "B"'),
        ("It is of the users'", "It is of the users'"),
        ("\n", ""),
    ],
)
def test_only_a_pair_of_quotation_marks_around_the_whole_answer_is_removed(
    answer: str, sentence: str
) -> None:
    assert sentence_of(answer) == sentence


def test_a_translation_with_a_single_bracket_is_not_printed() -> None:
    assert written(SmallModel(f"「{DWARFS}」", -0.1))
    assert not written(SmallModel(f"「{DWARFS}", -0.1))


def test_the_messages_of_all_sentences_begin_alike_for_the_cache_of_the_server() -> None:
    one, other = (translation_messages(JA, text) for text in ("One.", "Another one."))
    assert one[:-1] == other[:-1]
    assert [m["role"] for m in one[:3]] == ["system", "user", "assistant"]


class SmallModel:
    """A llama.cpp server with a model of 1.5 billion parameters that copies one answer.

    Asked for English, it gives `back`, or the sentence that it was asked for last.
    """

    def __init__(
        self, text: str, logprob: float, back: str = "", *, parameters: int = 1_500_000_000
    ) -> None:
        self.text, self.logprob, self.back = text, logprob, back
        self.parameters, self.reason = parameters, "stop"
        self.loading = 0  # requests that are answered with 503
        self.now = 0.0  # seconds; an answer takes three
        self.asked: list[str] = []
        self.bodies: list[dict[str, Any]] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        if self.loading:
            self.loading -= 1
            return httpx2.Response(503, json={"error": {"message": "Loading model"}})
        if request.url.path.endswith("/models"):
            meta = {"n_params": self.parameters}
            return httpx2.Response(200, json={"data": [{"id": "small", "meta": meta}]})
        if request.url.path.endswith("/props"):
            settings = {"n_ctx": 8192}
            return httpx2.Response(200, json={"default_generation_settings": settings})
        self.now += 3.0
        self.bodies.append(json.loads(request.content))
        asked = self.bodies[-1]["messages"][-1]["content"]
        text = self.text
        if asked.startswith("Translate this into English"):
            text = self.back or self.asked[-1]
        else:
            self.asked.append(asked)
        choice = {
            "message": {"content": text},
            "finish_reason": self.reason,
            "logprobs": {"content": [{"token": "x", "logprob": self.logprob}]},
        }
        return httpx2.Response(200, json={"choices": [choice]})


STORY = "hackernews:25246050"


def writer(model: SmallModel) -> ModelWriter:
    client = httpx2.Client(transport=httpx2.MockTransport(model))
    config = WriterConfig("http://127.0.0.1:9/v1", "small")
    return ModelWriter(config, client=client, sleep=lambda seconds: None)


def written(model: SmallModel) -> list[str]:
    with writer(model) as asked:
        grounded = asked.write(evidence(STORY), JA)
    return [one.text for one in (*grounded.attention, *grounded.technical)] if grounded else []


def test_a_small_model_gets_one_sentence_at_a_time_and_no_schema() -> None:
    model = SmallModel("それは何かの一つの文で、よく分かりません。", -0.1)
    written(model)
    assert model.asked == [one.text for one in candidates(evidence(STORY))]
    assert all("response_format" not in body and body["logprobs"] for body in model.bodies)


def test_the_title_comes_first() -> None:
    story = evidence(STORY)
    first, *rest = candidates(story)
    assert (first.slot, first.text) == ("gloss", story.heading.title)
    assert all(one.slot != "gloss" for one in rest)


@pytest.mark.parametrize("title", ["> cat", "$ sudo rm", "日本語の題", "GLM-5 is here!"])
def test_a_title_that_is_no_sentence_to_translate_is_left_out(title: str) -> None:
    thread = Thread("lobsters", "x", title, 1, "https://lobste.rs/s/x")
    assert candidates(gather(Story.of([thread]))) == []


DWARFS = "DwarFSは高い圧縮率を重視した、読み取り専用のファイルシステムです。"


@pytest.mark.parametrize("rest", ["さらに速く動きます。", "\nWindowsの場合だけです。"])
def test_an_answer_with_two_sentences_is_not_printed(rest: str) -> None:
    assert written(SmallModel(DWARFS, -0.1))
    assert not written(SmallModel(DWARFS + rest, -0.1))


@pytest.mark.parametrize(
    ("source", "text"),
    [
        (
            "The new kernel of the team runs on Linux but it does not run on Windows.",
            "チームの新しいカーネルはLinuxで動きます。Windowsでは動きません。",
        ),
        (
            "The program keeps the files of the user only if the user has not left.",
            "プログラムはユーザーのファイルを保持します。ユーザーが去っていない場合だけです。",
        ),
    ],
)
def test_a_translation_does_not_lose_its_second_sentence(source: str, text: str) -> None:
    assert told(source) == [source]
    model = SmallModel(text, -0.1, source)
    with writer(model) as asked:
        assert asked.write(post_of(source), JA) is None
    assert len(model.bodies) == 1


def test_a_translation_that_the_model_was_not_sure_of_is_not_printed() -> None:
    assert written(SmallModel(DWARFS, -0.1))
    assert not written(SmallModel(DWARFS, -0.9))


def test_a_translation_that_means_something_else_is_not_printed_and_is_counted() -> None:
    model = SmallModel(DWARFS, -0.1, "The weather is not good in the north today.")
    assert not written(model)
    assert len(model.bodies) > len(model.asked)


def test_the_size_of_a_model_is_asked_for_when_it_is_loaded() -> None:
    model = SmallModel(DWARFS, -0.1)
    model.loading = 3
    with writer(model) as asked:
        assert asked.write(evidence(STORY), JA)
    assert asked.translates


@pytest.mark.parametrize(
    ("parameters", "loops", "requests"),
    [
        (135_000_000, True, 4),  # four answers in a row that are cut
        (1_500_000_000, False, 2 * len(candidates(evidence(STORY)))),  # two topics, all rejected
        (8_000_000_000, True, 3),  # all slots, all slots with more tokens, the first slot alone
        (8_000_000_000, False, 4),  # no JSON, asked once more; two topics
    ],
)
def test_a_model_that_is_too_weak_is_given_up_early_with_one_note(
    parameters: int, loops: bool, requests: int
) -> None:
    model = SmallModel("それは何かの一つの文で、よく分かりません。", -0.1, parameters=parameters)
    if loops:
        model.text, model.reason = "モデルのモデルの" * 40, "length"
    with writer(model) as asked:
        assert [asked.write(evidence(STORY), JA) for _ in range(4)] == [None] * 4
        assert len(model.bodies) == requests
        (note,) = [one for one in asked.notes if JA.phrase("writing.fault_weak") in one]
        assert asked.problem
    assert note.count(evidence(STORY).heading.title[:20]) == 4


def test_a_model_that_wrote_one_sentence_is_asked_for_every_topic() -> None:
    model = SmallModel(DWARFS, -0.1)
    with writer(model) as asked:
        assert asked.write(evidence(STORY), JA)
        model.logprob = -0.9
        before = len(model.bodies)
        assert [asked.write(evidence(STORY), JA) for _ in range(3)] == [None] * 3
    assert len(model.bodies) - before == 3 * len(candidates(evidence(STORY)))


def test_an_emoji_of_a_title_does_not_reach_the_translation() -> None:
    thread = Thread("lobsters", "x", "🚀 DwarFS 0.3 released!", 1, "https://lobste.rs/s/x")
    assert [one.text for one in candidates(gather(Story.of([thread])))] == ["DwarFS 0.3 released!"]


def post_of(text: str) -> Evidence:
    """A post with a title that is not translated."""
    post = Passage(PassageKind.POST, text, "https://lobste.rs/s/x")
    thread = Thread("lobsters", "x", "日本語の題", 1, "https://lobste.rs/s/x", passages=(post,))
    return gather(Story.of([thread]))


def told(text: str) -> list[str]:
    """The sentences of a post that are translated."""
    return [one.text for one in candidates(post_of(text))]


@pytest.mark.parametrize(
    "sentence",
    [
        "No files were stored on the server at that time.",
        "No one at the company has read the new report.",
        "So far the team has read most of the report.",
        "Still images are stored on the server of the team.",
        "Well known problems of the software are in the report.",
        "But for the team the report has no clear value.",
        "iOS apps of the team are stored on the server.",
    ],
)
def test_a_first_word_that_belongs_to_the_sentence_is_not_removed(sentence: str) -> None:
    assert told(sentence) == [sentence]


def test_an_introductory_word_is_removed() -> None:
    sentence = "the team has read most of the report."
    assert told(f"So, {sentence}") == [f"T{sentence[1:]}"]
    assert told("And iOS apps are stored on the server.") == ["iOS apps are stored on the server."]


@pytest.mark.parametrize(
    "sentence",
    [
        "No, the files were stored on the server.",
        "The files were (almost never) stored on the server.",
        "The files were (probably) stored on the server.",
    ],
)
def test_a_sentence_that_would_lose_a_negation_or_a_doubt_is_not_translated(sentence: str) -> None:
    assert told(sentence) == []


def test_the_opposite_of_a_sentence_that_begins_with_no_is_not_printed() -> None:
    sentence = "No files were stored on the server at that time."
    opposite = "ファイルはその時点でサーバーに保存されていました。"
    model = SmallModel(opposite, -0.1, "Files were stored on the server at that time.")
    with writer(model) as asked:
        assert asked.write(post_of(sentence), JA) is None
    assert len(model.bodies) == 2


def test_the_minutes_of_a_digest_follow_the_requests_of_a_small_model() -> None:
    model = SmallModel("SquashBox 2.1は、ディレクトリーを一つのイメージに保存します。", -0.1)
    client = httpx2.Client(transport=httpx2.MockTransport(model))
    config = WriterConfig("http://127.0.0.1:9/v1", "small")
    trial = try_writer(config, JA, topics=8, client=client, clock=lambda: model.now)
    assert trial.writer.translates
    assert trial.minutes == pytest.approx(8 * REQUESTS * 3.0 / 60)
