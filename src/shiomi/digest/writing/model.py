"""The model writer: asks a language model for sentences on numbered evidence, and grounds them.

Nothing it returns is trusted, and nothing it does can keep a digest from standing: where it fails,
the topic is written from templates and quotations, and a note says so.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable

import httpx2
import msgspec

from shiomi.digest.config import WriterConfig
from shiomi.digest.languages import Language
from shiomi.digest.writing.chat import Account, ChatClient, ChatError, Usage
from shiomi.digest.writing.evidence import Evidence, Item
from shiomi.digest.writing.grounded import Grounded, ground
from shiomi.digest.writing.prompt import SCHEMA, SIZES, Draft, messages, shown
from shiomi.digest.writing.statements import said_title

__all__ = ["ModelWriter", "parse_draft"]

LONGEST_DRAFT = 40_000  # characters of a model's text
PATIENCE = 2  # topics in a row that may fail by time or a server's errors before it is let be
_FINAL = frozenset({"unreachable", "refused", "budget"})  # the next topic would meet them too
_PASSING = frozenset({"timeout", "server", "cut"})


class ModelWriter:
    """Writes the topics of one digest. Its costs are in `account`, its failures in `notes`."""

    def __init__(
        self,
        config: WriterConfig,
        *,
        client: httpx2.Client | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """`client` is closed with the writer. `clock` is in seconds, from any origin."""
        self._chat = ChatClient(config, client=client, clock=clock, sleep=sleep)
        self._config, self._clock = config, clock
        self._deadline: float | None = None  # set as the first topic is asked for
        self._row = 0  # failures in a row
        self._given_up: str | None = None
        self._language: Language | None = None
        self._failed: list[tuple[str, str]] = []  # (title, fault)
        self.account = Account()

    def __enter__(self) -> ModelWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._chat.close()

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know of the writing so far, in the digest's language."""
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
        fallen = self.account.replaced + self.account.dropped
        if fallen:
            notes.append(phrase("writing.note_replaced", count=self._language.number(fallen)))
        return tuple(notes)

    def write(self, evidence: Evidence, language: Language) -> Grounded | None:
        """What the model says of a story, after grounding; None where nothing of it can be used."""
        self._language = language
        usage = self.account.topics.setdefault(evidence.story.id, Usage())
        before = Usage(usage.requests, usage.prompt_tokens, usage.completion_tokens, usage.seconds)
        try:
            draft, items = self._draft(evidence, language, usage)
            grounded = ground(draft, evidence, items, language)
            self._row = 0
            if not grounded.kept:
                self._fail(evidence, "ungrounded")
        except ChatError as error:
            self._fail(evidence, error.fault)
            return None
        finally:
            self.account.total.add(
                Usage(
                    usage.requests - before.requests,
                    usage.prompt_tokens - before.prompt_tokens,
                    usage.completion_tokens - before.completion_tokens,
                    usage.seconds - before.seconds,
                )
            )
        self.account.kept += grounded.kept
        self.account.replaced += grounded.replaced
        self.account.dropped += grounded.dropped
        return grounded if grounded.kept else None

    def _fail(self, evidence: Evidence, fault: str) -> None:
        self._failed.append((said_title(evidence.heading.title, 40), fault))
        if fault in _FINAL:
            self._given_up = fault
        elif fault in _PASSING:
            self._row += 1
            if self._row >= PATIENCE:
                self._given_up = fault

    def _draft(
        self, evidence: Evidence, language: Language, usage: Usage
    ) -> tuple[Draft, tuple[Item, ...]]:
        """The model's draft and the items it was shown. Raises ChatError."""
        if self._given_up is not None:
            raise ChatError(self._given_up, "the model was given up for this digest")
        if self._deadline is None:
            self._deadline = self._clock() + self._config.budget_seconds
        size, again = 0, False
        while True:
            items = shown(evidence, SIZES[size])
            asked = messages(items, language, again=again)
            try:
                answer = self._chat.complete(asked, SCHEMA, usage, deadline=self._deadline)
                return parse_draft(answer.text), items
            except ChatError as error:
                if error.fault == "context" and size + 1 < len(SIZES):
                    size += 1
                elif error.fault in ("not_json", "shape", "too_long") and not again:
                    again = True
                else:
                    raise


def parse_draft(text: str) -> Draft:
    """A draft from a model's text, around which it may have put a fence or its thoughts.

    Raises ChatError where no JSON object of the form asked for is in it.
    """
    if len(text) > LONGEST_DRAFT:
        raise ChatError("too_long", f"the answer has {len(text):,} characters")
    text = re.sub(r"<think>.*?</think>", "", text, flags=re.DOTALL)
    start, end = text.find("{"), text.rfind("}")
    if start < 0 or end < start:
        raise ChatError("not_json", "the answer holds no JSON object")
    try:
        return msgspec.json.decode(text[start : end + 1], type=Draft)
    except msgspec.ValidationError as error:
        raise ChatError("shape", f"the answer has another form: {error}") from None
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        raise ChatError("not_json", "the answer is not JSON") from None
