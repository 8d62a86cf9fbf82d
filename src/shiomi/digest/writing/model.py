"""The model writer asks a language model for sentences on numbered evidence, and grounds them.

The model's answers are not trusted. If the model fails, the topic is written without it, and the
digest gets a note.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import httpx2
import msgspec

from shiomi.digest.config import WriterConfig
from shiomi.digest.errors import WriterError
from shiomi.digest.languages import Language
from shiomi.digest.writing.chat import (
    LOADING_PAUSE,
    LONGEST_LOADING,
    Account,
    ChatClient,
    ChatError,
    Completion,
    Usage,
)
from shiomi.digest.writing.evidence import Evidence, Item
from shiomi.digest.writing.grounded import Grounded, ground
from shiomi.digest.writing.local.server import running
from shiomi.digest.writing.prompt import SLOTS, Draft, Fallen, messages, schema, shown
from shiomi.digest.writing.servers import ServerFacts, ask_server
from shiomi.digest.writing.statements import said_title
from shiomi.digest.writing.translated import MOST_TOKENS, translate, translates
from shiomi.tls import tls_context

__all__ = ["ModelWriter", "TopicProgress", "parse_draft"]

LONGEST_DRAFT = 40_000  # characters of a model's text
PATIENCE = 2  # number of failed topics in a row after which the model is no longer used
# Characters of evidence. If the first number does not fit into the context, the next is tried.
SIZES: tuple[int, ...] = (12_000, 4_000, 1_200)
SMALLEST = 1_200
CHARACTERS = 2.5  # an English token has at least about this many characters
OVERHEAD = 2_600  # tokens of the instructions, the example and the answer
_FINAL = frozenset(
    {"unreachable", "refused", "budget", "key", "no_model", "loading", "thinking", "local", "weak"}
)
_PASSING = frozenset({"timeout", "server", "cut"})
# faults after which nothing more is asked for a topic; "weak": only one slot was cut
_ENDS_TOPIC = _FINAL - {"weak"} | {"timeout"}


@dataclass(frozen=True, slots=True)
class TopicProgress:
    """The model's progress with one topic."""

    title: str
    tokens: int  # tokens of its answers so far
    seconds: float
    kept: int | None = None  # kept sentences; None: the model is still writing

    def __str__(self) -> str:
        """Return the progress as one line."""
        kept = "" if self.kept is None else f", {self.kept} sentences kept"
        return f"{self.title}: {self.tokens:,} tokens, {self.seconds:.0f} s{kept}"


class ModelWriter:
    """Writes the topics of one digest. Its costs are in `account`, its failures in `notes`.

    With `model = "local"` it starts llama.cpp's server when the first topic is requested.
    """

    def __init__(
        self,
        config: WriterConfig,
        *,
        client: httpx2.Client | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
        tell: Callable[[TopicProgress], None] = lambda _: None,
    ) -> None:
        """`client` is closed with the writer. `clock` returns seconds since any fixed moment.

        `tell` is called for each token, and when a topic is finished.
        """
        self._client = client or httpx2.Client(verify=tls_context())
        self._config, self._clock, self._sleep, self._tell = config, clock, sleep, tell
        self._stack = ExitStack()
        self._stack.callback(self._client.close)
        self._chat = self._chat_with(config)
        self._started = not config.local
        self._heading, self._began, self._usage = "", 0.0, Usage()  # of the current topic
        self._deadline = math.inf  # set when the first topic is requested
        self._ended = False  # whether nothing more is asked for the current topic
        self._row = 0  # number of topics in a row that failed
        self._given_up: str | None = None
        self._language: Language | None = None
        self._failed: list[tuple[str, str]] = []  # (title, fault)
        self._facts: ServerFacts | None = None
        self.account = Account()
        self.fallen: dict[str, list[Fallen]] = {}  # by story id: the rejected sentences
        self.problem = ""  # why the last topic failed, often in the server's words

    def __enter__(self) -> ModelWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections and stop the local server."""
        self._stack.close()

    def _chat_with(self, config: WriterConfig) -> ChatClient:
        return ChatClient(
            config, client=self._client, clock=self._clock, sleep=self._sleep, tell=self._report
        )

    def _start(self) -> None:
        """Start the local server if it was not started yet. Raises ChatError."""
        if self._started:
            return
        self._started = True
        try:
            self._config = self._stack.enter_context(running(self._config))
        except WriterError as error:
            raise ChatError("local", str(error)) from None
        self._chat = self._chat_with(self._config)

    def _report(self, tokens: int, kept: int | None = None) -> None:
        """Report the progress. The current answer has this many tokens."""
        tokens += self._usage.completion_tokens
        self._tell(TopicProgress(self._heading, tokens, self._clock() - self._began, kept))

    @property
    def fault(self) -> str | None:
        """Return the key of the last failure, or None."""
        return self._failed[-1][1] if self._failed else None

    @property
    def translates(self) -> bool:
        """Return whether the model is so small that it only translates single sentences."""
        size = self._facts.parameters if self._facts else None
        return self._language is not None and translates(size, self._language.code)

    @property
    def thinks(self) -> bool:
        """Return whether an answer contained reasoning."""
        return self._chat.thinks

    @property
    def schema_kept(self) -> bool:
        """Return whether the server has accepted the JSON schema so far."""
        return self._chat.schema_kept

    @property
    def notes(self) -> tuple[str, ...]:
        """Return notes for the reader about the writing so far, in the digest's language."""
        if self._language is None:
            return ()
        phrase = self._language.phrase
        notes = []
        if self._failed:
            comma = phrase("writing.comma")
            faults = dict.fromkeys(phrase(f"writing.fault_{fault}") for _, fault in self._failed)
            titles = [phrase("writing.title_in_note", title=title) for title, _ in self._failed]
            said = {"faults": comma.join(faults), "titles": comma.join(titles)}
            notes.append(phrase("writing.note_failed", **said))
        if self.account.dropped:
            count = self._language.number(self.account.dropped)
            notes.append(phrase("writing.note_replaced", count=count))
        return tuple(notes)

    def write(self, evidence: Evidence, language: Language) -> Grounded | None:
        """Return the model's sentences that the evidence supports, or None if there are none."""
        self._language = language
        self._began = self._clock()
        self._heading = said_title(evidence.heading.title, 40)
        self._usage = self.account.topics.setdefault(evidence.story.id, Usage())
        requests = self._usage.requests
        self._ended = False
        try:
            draft, items, wrong = self._draft(evidence, language)
            grounded = ground(draft, evidence, items, language)
            repair = self._config.repair and not self._ended and not self.translates
            if repair and grounded.fallen:
                second = self._repaired(grounded, items, language)
                if second is not None:
                    grounded = ground(draft, evidence, items, language, second=second)
        except ChatError as error:
            if self._given_up is None:
                self.problem = str(error)
            self._fail(error.fault)
            return None
        grounded.fallen += wrong
        self._report(0, grounded.kept)
        self.fallen[evidence.story.id] = grounded.fallen
        self.account.kept += grounded.kept
        self.account.dropped += len(grounded.fallen)
        if grounded.kept:
            self._row = 0
            return grounded
        # a small model is not asked about a story without plain sentences, so it has not failed
        if self._usage.requests > requests:
            self.problem = f"none of its {len(grounded.fallen)} sentences is supported by evidence"
            self._fail("ungrounded")
        return None

    def _fail(self, fault: str) -> None:
        """Record that the model failed on a topic, and give it up if it will fail again."""
        self._failed.append((self._heading, fault))
        self._row += 1
        if fault in _FINAL or (self._row >= PATIENCE and fault in _PASSING):
            self._given_up = fault
        elif self._row >= PATIENCE and not self.account.kept:
            self._given_up = "weak"

    def _draft(
        self, evidence: Evidence, language: Language
    ) -> tuple[Draft, tuple[Item, ...], Sequence[Fallen]]:
        """Return the model's draft, the items that it was shown, and its wrong translations.

        Raises ChatError.
        """
        if self._given_up is not None:
            raise ChatError(self._given_up, "the model was given up for this digest")
        self._start()
        if self._deadline == math.inf:
            self._deadline = self._clock() + self._config.budget_seconds
        sizes = self._sizes()
        if self.translates:

            def answer(said: Sequence[dict[str, str]]) -> Completion:
                ends = self._deadline
                return self._chat.complete(said, None, self._usage, deadline=ends, most=MOST_TOKENS)

            draft, wrong = translate(evidence, language, answer)
            return draft, evidence.items, wrong
        while True:
            items = shown(evidence, sizes[0])
            try:
                return self._ask(items, language, tuple(SLOTS)), items, ()
            except ChatError as error:
                if error.fault == "cut_short":  # a request for one slot needs a shorter answer
                    return self._in_steps(items, language), items, ()
                if error.fault != "context" or len(sizes) < 2:
                    raise
                sizes = sizes[1:]

    def _sizes(self) -> tuple[int, ...]:
        """Return the sizes of evidence to try, in characters. All fit into the server's context."""
        ends = min(self._clock() + LONGEST_LOADING, self._deadline)
        while self._facts is None:
            facts = ask_server(self._config, client=self._client)
            if facts.loading and self._clock() < ends:
                self._sleep(LOADING_PAUSE)
            else:
                self._facts = facts
        context = self._facts.context
        if context is None:
            return SIZES
        fits = max(int((context - OVERHEAD) * CHARACTERS), SMALLEST)
        return tuple(sorted({min(size, fits) for size in SIZES}, reverse=True))

    def _in_steps(self, items: Sequence[Item], language: Language) -> Draft:
        """Ask for one slot at a time. A slot that fails stays empty.

        After a fault that the next request would meet too, the other slots stay empty as well.
        Raises ChatError if the first slot fails.
        """
        found: dict[str, Any] = {}
        for slot in SLOTS:
            try:
                found[slot] = getattr(self._ask(items, language, (slot,)), slot)
            except ChatError as error:
                if not found:
                    raise
                if error.fault in _ENDS_TOPIC:
                    self._ended = True
                    break
        return Draft(**found)

    def _ask(
        self,
        items: Sequence[Item],
        language: Language,
        slots: Sequence[str],
        fallen: Sequence[Fallen] = (),
    ) -> Draft:
        """Return the draft of some slots. If the answer has the wrong form, ask once more."""
        asked = schema(slots, [item.number for item in items])
        again = False
        while True:
            said = messages(items, language, slots, fallen=fallen, again=again)
            try:
                answer = self._chat.complete(said, asked, self._usage, deadline=self._deadline)
                if not answer.whole:
                    fault = "cut_short" if len(slots) > 1 else "weak"
                    raise ChatError(fault, "the answer was cut at the limit of tokens")
                return parse_draft(answer.text)
            except ChatError as error:
                if error.fault not in ("not_json", "shape", "too_long") or again:
                    raise
                again = True

    def _repaired(
        self, grounded: Grounded, items: Sequence[Item], language: Language
    ) -> Draft | None:
        """Return a second draft of the slots that have rejected sentences, or None if the request
        fails."""
        slots = [slot for slot in SLOTS if any(one.slot == slot for one in grounded.fallen)]
        if not slots:
            return None
        try:
            return self._ask(items, language, slots, grounded.fallen)
        except ChatError:
            return None


def parse_draft(text: str) -> Draft:
    """Return the draft that a model's answer contains, without a code fence or thoughts.

    Raises ChatError if the text contains no JSON object of the requested form.
    """
    if len(text) > LONGEST_DRAFT:
        raise ChatError("too_long", f"the answer has {len(text):,} characters")
    # thoughts end with this tag, also if the opening tag is missing
    text = text.rpartition("</think>")[2] if "</think>" in text else text
    start, end = text.find("{"), text.rfind("}")
    if start < 0 or end < start:
        raise ChatError("not_json", "the answer has no JSON object")
    try:
        draft = msgspec.json.decode(text[start : end + 1], type=Draft)
        if draft == Draft() and not any(f'"{slot}"' in text for slot in SLOTS):
            raise ChatError("shape", "the answer has none of the slots")
        return draft
    except msgspec.ValidationError as error:
        raise ChatError("shape", f"the answer has another form: {error}") from None
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        raise ChatError("not_json", "the answer is not JSON") from None
