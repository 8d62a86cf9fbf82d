"""Ranking: the leading stories of a week, with reasons.

A story's score is a sum, and each part of it is a Reason that `--explain` prints:

    engagement    s1 + 0.3 s2 + 0.09 s3 + ..., where s1, s2, s3, ... are the strengths of each
                  community's leading thread of the week, highest first
    communities   0.15 * log2(n) for n communities
    threads       0.2 * log2(n - 1) for n >= 3 threads of the week; related threads count half
    similar       minus the cosine of its title with the most similar title of a higher story, if
                  the cosine is above 0.15
    gone, no_text, repeat, near_duplicate   -10: the story stays in the list but not in the digest

`Ranked.demoted` names which of the last four parts applies. The method is greedy maximal marginal
relevance (Carbonell and Goldstein 1998): the remaining story with the highest score is taken, again
and again.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from shiomi.digest.document import Reason
from shiomi.digest.linking import canonical_url
from shiomi.digest.ranking.engagement import Engagement, Standing, reliable
from shiomi.digest.ranking.window import Window
from shiomi.digest.story import Story
from shiomi.digest.terms import bare_title, normalized, phrases
from shiomi.digest.thread import PassageKind, Thread, ThreadState, community_label
from shiomi.digest.untrusted import clean, shorten
from shiomi.digest.week import Week

__all__ = ["Ranked", "explain", "leading", "rank"]

DEMOTION = -10.0  # puts a story below all others, because strengths end at about 5
NEXT_COMMUNITY = 0.3  # weight of each further community, relative to the community before it
BREADTH = 0.15  # per doubling of the number of communities
MANY = 0.2  # per doubling of the number of threads of the week after the first
SAME_SUBJECT = 0.6  # two stories have the same subject if the cosine of their titles reaches this
SIMILAR = 0.15  # with a cosine below this, two titles have nothing in common
NOTICED = 1.3  # an earlier digest would have had a thread of this strength (top 5 %) or more
COMPARED = 150  # number of stories compared for similarity; no digest has more topics
YOUNG = 0.97  # a reading with a lower reliability is called young
TELLING = 200  # a post with an image is kept if its text has at least 200 characters
RECURRING = 3  # equal titles mean a repeat only if they have at least so many words


@dataclass(frozen=True, slots=True)
class Ranked:
    """A story with its score and the reasons that sum to it."""

    story: Story
    score: float  # the sum of the reasons' values
    reasons: tuple[Reason, ...]
    # "gone", "no_text", "repeat", "near_duplicate": the story is left out; None: it is not.
    demoted: str | None = None


def rank(
    window: Window, stories: Sequence[Story], *, published: Collection[str] | None = None
) -> list[Ranked]:
    """Return all `stories` of the window's week, best first.

    `published` are the uids of threads in earlier digests. If it is None, earlier threads in the
    top 5 % count as published. Stories with equal scores are ordered by id.
    """
    week = window.week
    engagement = Engagement(window.all, as_of=window.as_of)
    earlier = _Earlier(window, engagement, published)
    now = {thread.uid for thread in window.now}
    scored = []
    for story in stories:
        reasons = [
            *_engagement(story, week, engagement),
            *_breadth(story, week),
            *_threads(story, week, now),
        ]
        demotion = _gone(story) or _without_text(story) or earlier.repeat(story)
        scored.append(_ranked(story, [*reasons, demotion] if demotion else reasons, demotion))
    scored.sort(key=_order)
    return _diversified(scored, window)


def leading(ranked: Iterable[Ranked], most: int) -> list[Ranked]:
    """Return the first `most` stories that are not left out."""
    return [item for item in ranked if item.demoted is None][:most]


def explain(ranked: Sequence[Ranked], most: int, *, others: int = 8) -> str:
    """Explain in plain text why the `most` leading stories were chosen, and why the best other
    stories were not."""
    chosen = leading(ranked, most)
    lines = []
    for place, item in enumerate(chosen, 1):
        lines += [f"{place}. {_heading(item)}", *_explained(item)]
    # stories that would lead without their demotion come first, because readers ask about them
    rest = [item for item in ranked if item not in chosen]
    rest.sort(key=lambda item: (-_undemoted(item), item.story.id))
    if rest[:others]:
        lines.append(f"Not chosen, the best {len(rest[:others])} of {len(rest)}:")
    for item in rest[:others]:
        why = item.demoted or f"below the {most} chosen"
        lines += [f"-  {_heading(item)} [{why}]", *_explained(item)]
    return "\n".join(lines)


def _heading(item: Ranked) -> str:
    """Return the title for a terminal: one line without escape codes or bidi controls."""
    return shorten(clean(item.story.threads[0].title), 200)


def _explained(item: Ranked) -> list[str]:
    # uids and labels contain foreign text: names from a feed or an imported file
    rows = [
        f"   {reason.value:+7.2f}  {clean(reason.name)}: {clean(reason.text)}"
        for reason in item.reasons
    ]
    return [f"   {item.score:7.2f}  {clean(item.story.id)}", *rows]


def _undemoted(item: Ranked) -> float:
    return item.score - sum(r.value for r in item.reasons if r.value <= DEMOTION)


def _ranked(story: Story, reasons: Sequence[Reason], demotion: Reason | None) -> Ranked:
    score = math.fsum(reason.value for reason in reasons)
    return Ranked(story, score, tuple(reasons), demotion.name if demotion else None)


def _order(item: Ranked) -> tuple[float, str]:
    return -item.score, item.story.id


def _present(story: Story, week: Week) -> list[Thread]:
    """Return the threads that count for a story: live threads of this week or the week before."""
    since = week.before().start
    return [t for t in story.threads if t.state is ThreadState.LIVE and t.created >= since]


def _engagement(story: Story, week: Week, engagement: Engagement) -> list[Reason]:
    best: dict[str, tuple[float, str, Standing]] = {}
    present = _present(story, week)
    of_week = [thread for thread in present if thread.created >= week.start]
    for thread in of_week or present:  # the week's own counts come first
        standing = engagement.standing(thread)
        key = -standing.strength, thread.uid, standing
        if thread.community not in best or key[:2] < best[thread.community][:2]:
            best[thread.community] = key
    reasons = []
    for place, (less, uid, standing) in enumerate(sorted(best.values(), key=lambda k: k[:2])):
        value = -less * NEXT_COMMUNITY**place
        factor = f" x {NEXT_COMMUNITY**place:g}" if place else ""
        thread = next(t for t in story.threads if t.uid == uid)
        reasons.append(Reason(f"{uid} engagement", value, _in_words(thread, standing) + factor))
    return reasons


def _in_words(thread: Thread, standing: Standing) -> str:
    """ "Lobsters: 57 points (top 2.1 %), 40 comments (top 3 %) at 26 h, of 1,932 threads"."""
    label = community_label(thread.community)
    if not standing.known:
        return f"{label}: counts unknown, reckoned as a typical thread of it"
    if standing.rank is not None:
        return f"{label}: number {standing.rank} of its best of the week, counts unknown"
    parts = []
    for count, reading in standing.readings.items():
        share = 100 * standing.survival[count]
        parts.append(f"{getattr(reading, count):,} {count} (top {share:.2g} %)")
    unknown = [count for count in ("points", "comments") if count not in standing.readings]
    parts += [f"{count} unknown" for count in unknown]
    reading = max(standing.readings.values(), key=lambda r: r.time)
    hours = max(reading.time - thread.created, 0) / 3600
    age = f"{hours:.0f} h" if hours < 72 else f"{hours / 24:.0f} d"
    if reading.exact and reliable(hours) < YOUNG:
        age += f" (so young: x {reliable(hours):.2g} in normal scores)"
    age = f"at {age}" if reading.exact else f"at an age not known, {age} at most"
    return f"{label}: {', '.join(parts)} {age}, of {standing.compared:,} threads"


def _breadth(story: Story, week: Week) -> list[Reason]:
    communities = dict.fromkeys(thread.community for thread in _present(story, week))
    if len(communities) < 2:
        return []
    names = ", ".join(map(community_label, communities))
    value = BREADTH * math.log2(len(communities))
    return [Reason("communities", value, f"in {len(communities)} communities: {names}")]


def _threads(story: Story, week: Week, now: Collection[str]) -> list[Reason]:
    """Return the part of the score for the number of threads; related threads count half."""
    own = sum(thread.uid in now for thread in _present(story, week))
    related = sum(uid in now for uid in story.related)
    count = own + related / 2
    if own < 3 or count < 3:  # a story is often submitted twice
        return []
    text = f"in {own} threads of the week, {related} related"
    return [Reason("threads", MANY * math.log2(count - 1), text)]


def _without_text(story: Story) -> Reason | None:
    """Return a reason if a story has only images, so that there is no text to read or quote."""
    if not all(_is_image(thread) and not _has_text(thread) for thread in story.threads):
        return None
    return Reason("no_text", DEMOTION, "an image without text")


def _is_image(thread: Thread) -> bool:
    if not thread.url:
        return False
    try:
        parts = urlsplit(thread.url)
        host = parts.hostname or ""
    except ValueError:
        return False
    return host in _IMAGE_HOSTS or parts.path.lower().endswith(_IMAGE_ENDINGS)


_IMAGE_HOSTS = frozenset(["i.redd.it", "preview.redd.it", "i.imgur.com", "imgur.com"])
_IMAGE_ENDINGS = (".jpg", ".jpeg", ".png", ".gif", ".gifv", ".webp")


def _has_text(thread: Thread) -> bool:
    kinds = (PassageKind.POST, PassageKind.ARTICLE)
    texts = (passage.text for passage in thread.passages if passage.kind in kinds)
    return sum(len(text) for text in texts) >= TELLING


def _gone(story: Story) -> Reason | None:
    if any(thread.state is ThreadState.LIVE for thread in story.threads):
        return None
    states = ", ".join(f"{thread.uid} is {thread.state}" for thread in story.threads)
    return Reason("gone", DEMOTION, states)


class _Earlier:
    """The threads of earlier weeks, to find stories that repeat them."""

    def __init__(
        self, window: Window, engagement: Engagement, published: Collection[str] | None
    ) -> None:
        self.start = window.week.start
        self.engagement = engagement
        self.published = None if published is None else frozenset(published)
        self.by_key: dict[str, list[Thread]] = {}
        for thread in window.earlier:
            for key in _keys(thread):
                self.by_key.setdefault(key, []).append(thread)

    def repeat(self, story: Story) -> Reason | None:
        """Return why `story` repeats an earlier week; None if it does not."""
        seen = {t.uid: t for t in story.threads if t.created < self.start}
        recurring: dict[str, Thread] = {}
        for thread in story.threads:
            for key in _keys(thread):
                for old in self.by_key.get(key, ()):
                    if old.uid != thread.uid:
                        seen[old.uid] = old
                        if old.community == thread.community and key.startswith("title "):
                            recurring[old.uid] = old
        noticed = [t for t in seen.values() if self._noticed(t) or t.uid in recurring]
        if self.published and (held := {t.uid for t in story.threads} & self.published):
            return Reason("repeat", DEMOTION, f"published before: {min(held)}")
        if not noticed:
            return None
        old = max(noticed, key=lambda t: (self._strength(t), t.uid))
        days = (self.start - old.created) / 86400
        label = community_label(old.community)
        text = f"{old.uid} had it on {label} {days:.1f} days before the week"
        if self._strength(old) >= NOTICED:
            text += f", in its top {100 * 10 ** -self._strength(old):.2g} %"
        return Reason("repeat", DEMOTION, text)

    def _strength(self, thread: Thread) -> float:
        """Return the strength when the week began, or the newest strength if no reading is older
        than the week.
        """
        standing = self.engagement.standing(thread, as_of=self.start)
        return (standing if standing.known else self.engagement.standing(thread)).strength

    def _noticed(self, thread: Thread) -> bool:
        if self.published is not None:
            return thread.uid in self.published
        return self._strength(thread) >= NOTICED


def _keys(thread: Thread) -> list[str]:
    """Return the keys that identify a thread in a later week: its address and its title."""
    keys = []
    page = canonical_url(thread.url) if thread.url else None
    if page and urlsplit(page).path.strip("/"):  # a home page has many stories
        keys.append(f"page {page}")
    title = " ".join(re.findall(r"\w+", normalized(bare_title(thread.title))))
    if title.count(" ") >= RECURRING - 1:
        keys.append(f"title {title}")
    return keys


def _diversified(scored: Sequence[Ranked], window: Window) -> list[Ranked]:
    """Return the stories, best first. A story's score is lowered if a story above is similar."""
    left = list(scored[:COMPARED])
    weights = _rarity(window)
    vectors = {item.story.id: _vector(item.story, weights) for item in left}
    ids = {item.story.id: {t.uid for t in item.story.threads} for item in left}
    nearest: dict[str, Reason] = {}
    done: list[Ranked] = []
    while left:
        now = [_lowered(item, nearest.get(item.story.id)) for item in left]
        best = min(now, key=_order)
        place = now.index(best)
        taken = left.pop(place)
        done.append(best)
        if best.demoted:
            continue  # a story that is left out does not lower others
        for item in left:
            reason = _likeness(item.story, taken.story, vectors, ids)
            known = nearest.get(item.story.id)
            if reason and (known is None or reason.value < known.value):
                nearest[item.story.id] = reason
    return sorted([*done, *scored[COMPARED:]], key=_order)


def _lowered(item: Ranked, reason: Reason | None) -> Ranked:
    if reason is None or item.demoted:
        return item
    demotion = reason if reason.value <= DEMOTION else None
    return _ranked(item.story, [*item.reasons, reason], demotion)


def _likeness(
    story: Story, above: Story, vectors: dict[str, dict[str, float]], ids: dict[str, set[str]]
) -> Reason | None:
    """Return why `above` lowers `story`, or None if they have nothing in common."""
    if ids[above.id].intersection(story.related) or ids[story.id].intersection(above.related):
        return Reason("near_duplicate", DEMOTION, f"related to {above.id}")
    one, other = vectors[story.id], vectors[above.id]
    cosine = sum(weight * other.get(key, 0.0) for key, weight in one.items())
    if cosine >= SAME_SUBJECT:
        return Reason("near_duplicate", DEMOTION, f"same subject as {above.id} ({cosine:.2f})")
    if cosine >= SIMILAR:
        return Reason("similar", -cosine, f"its title is near that of {above.id} ({cosine:.2f})")
    return None


def _rarity(window: Window) -> dict[str, float]:
    """Return the inverse document frequency of the words in this week's titles."""
    seen = Counter(key for t in window.now for key in {p.key for p in phrases(t.title, 1)})
    size = len(window.now) + 1
    return {key: math.log(size / count) for key, count in seen.items()}


def _vector(story: Story, weights: dict[str, float]) -> dict[str, float]:
    """Return the unit vector of the words of a story's titles."""
    rarest = max(weights.values(), default=1.0)
    keys = {p.key for thread in story.threads for p in phrases(thread.title, 1)}
    vector = {key: weights.get(key, rarest) for key in sorted(keys)}
    norm = math.sqrt(math.fsum(weight**2 for weight in vector.values())) or 1.0
    return {key: weight / norm for key, weight in vector.items()}
