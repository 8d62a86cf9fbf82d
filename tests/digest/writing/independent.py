"""A second, plainer judge of what reached a digest; shares no code with grounding.

It asks only: is there a number, a link, a quotation, markup or a hidden character in the final text
that the threads do not have?
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

from shiomi.digest.document import Origin, Sentence, Topic
from shiomi.digest.thread import Reading

ORDINARY = re.findall(
    r"\S+",
    """
参加 参照 参考 参画 唯一 統一 一方 一部 一般 一緒 一つ 一定 一度 一読 一考 一見 一連 一覧 一通り
一続き 一言 一行 第一 万能 万が一 十分 不十分 一次 一から
第三者 三者 二次 均一 単一 同一 一致 一種
""",
)
SMALL = re.findall(
    r"\S+",
    """two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen
    seventeen eighteen nineteen twenty""",
)
ENGLISH = {word: float(value) for value, word in enumerate(SMALL, 2)} | {
    "thirty": 30.0, "forty": 40.0, "fifty": 50.0, "sixty": 60.0, "seventy": 70.0, "eighty": 80.0,
    "ninety": 90.0, "hundred": 100.0, "thousand": 1e3, "million": 1e6, "dozen": 12.0,
    "hundreds": 100.0, "thousands": 1e3, "twice": 2.0, "half": 0.5,
}  # fmt: skip
MARKS = '「」『』“”"«»《》【】‘'
COUNTED = r"(?:ポイント|件のコメント| points?| comments?)"
LINK = re.compile(r"://|www\.|@|javascript:|mailto:|\bdata:|\]\(")
DOMAIN = re.compile(r"[a-z0-9-]+(?:\.[a-z0-9-]+)*\.[a-z]{2,}")
MARKUP = re.compile(r"[<>`*|\[\]\\{}]|&\w+;|&#|^#|__|~~")


def ungrounded(topic: Topic) -> Iterator[tuple[str, str]]:
    """(what, sentence) for everything that no text or reading of the topic's threads holds."""
    threads = {thread.uid: thread for thread in topic.story.threads}
    for sentence in (*topic.attention, *topic.technical, *topic.implications):
        on = [threads[uid] for uid in sentence.evidence if uid in threads]
        if sentence.origin is Origin.MODEL:
            texts = [text for t in on for text in (t.title, *(p.text for p in t.passages))]
            found = _model(sentence, "\n".join(texts))
        elif sentence.origin is Origin.QUOTE:
            held = [squeezed(p.text) for t in on for p in t.passages if p.link == sentence.link]
            wanted = squeezed(sentence.text.removesuffix("…"))
            found = iter(() if any(wanted in text for text in held) else ("quotation",))
        elif re.search(rf"\d{COUNTED}", sentence.text):
            found = _counted(sentence, on[0].reading)
        else:
            continue
        yield from ((what, sentence.text) for what in found)


def squeezed(text: str) -> str:
    """Without blanks and case, and in one width."""
    return re.sub(r"\s+", "", unicodedata.normalize("NFKC", text)).casefold()


def _model(sentence: Sentence, texts: str) -> Iterator[str]:
    text, source = sentence.text, squeezed(texts)
    flat = unicodedata.normalize("NFKC", text).casefold()
    if sentence.readings or sentence.link:
        yield "a model's sentence with readings or a link"
    for character in text:
        if unicodedata.category(character)[0] == "C":
            yield f"hidden U+{ord(character):04X}"
    if MARKUP.search(text):
        yield "markup"
    if LINK.search(flat):
        yield "link"
    for domain in DOMAIN.findall(flat):
        if domain not in source:
            yield f"link {domain}"
    for part in re.split(f"[{MARKS}]", text)[1::2]:
        if squeezed(part) not in source:
            yield f"quotation {part}"
    yield from _unheld_numbers(text, texts)
    if re.search(r"\d\s*(?:ポイント|件のコメント|票|points|comments|upvotes)", flat):
        yield "a count of a community"


def _unheld_numbers(text: str, texts: str) -> Iterator[str]:
    words = re.findall(r"[a-z]+", texts.casefold())
    held = {*_numbers(texts), *(ENGLISH[word] for word in words if word in ENGLISH)}
    for word in ORDINARY:
        text = text.replace(word, "、")
    for number in _numbers(text):
        if number not in held:
            yield f"number {number}"
    for word in re.findall(r"[a-z]+", text.casefold()):
        if word in ENGLISH and word not in words and ENGLISH[word] not in held:
            yield f"number {word}"


def _numbers(text: str) -> Iterator[float]:
    """Values of runs of numeric characters, by what Unicode says of each."""
    run = ""
    for character in [*text, " "]:
        if unicodedata.numeric(character, None) is not None or (
            run and character in ",." and run[-1].isdigit()
        ):
            run += character
        elif run:
            yield from _values(run.rstrip(",."))
            run = ""


def _values(run: str) -> Iterator[float]:
    flat = unicodedata.normalize("NFKC", run).replace(",", "")
    if re.fullmatch(r"\d+(?:\.\d+)?", flat):
        yield float(flat)
    elif flat.count(".") > 1:
        yield from (float(part) for part in flat.split(".") if part)
    else:
        yield _multiplied(run.replace(",", "").replace(".", ""))


def _multiplied(run: str) -> float:
    total = section = fraction = 0.0
    digits = ""
    for character in run:
        value = unicodedata.numeric(character)
        if value >= 10000:
            total += (section + float(digits or "0") or 1.0) * value
            section, digits = 0.0, ""
        elif value in (10.0, 100.0, 1000.0):
            section += float(digits or "1") * value
            digits = ""
        elif value == int(value):
            digits += str(int(value))
        else:
            fraction += value
    return total + section + fraction + float(digits or "0")


def _counted(sentence: Sentence, reading: Reading | None) -> Iterator[str]:
    """A template's counts must be those of its reading, with a time beside them."""
    if not re.search(r"\d{4}-\d\d-\d\d(?: \d\d:\d\d| 以前| or)", sentence.text):
        yield "a count without a time"
    if reading not in sentence.readings:
        yield "a count of another reading"
    found = re.findall(rf"([\d,]+)(?={COUNTED})", sentence.text)
    shown = {int(number.replace(",", "")) for number in found}
    held = {count for one in sentence.readings for count in (one.points, one.comments)}
    if shown - held:
        yield f"counts {shown - held}"
