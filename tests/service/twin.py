"""A loopback twin of the communities, with their limits and habits of 2026, and a clock of its own.

What the twin shows depends on the simulated time alone, so that two runs over the same weeks can be
compared byte for byte. Time stands still while sources collect and moves by ticks between; what a
source sleeps is added to a time of its own, which the twin sees in each request and judges by.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import os
import re
import struct
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import httpx2

from shiomi.digest.config import load_config
from shiomi.digest.sources.http import new_client
from shiomi.service.run import Service
from tests.digest.sources.community import Asked, Community, Reply, html, json_reply, running

__all__ = ["DAY", "START", "Simulated", "Twin", "existing", "live", "settings", "twin"]

DAY = 86400
START = int(datetime(2026, 6, 5, 15, tzinfo=UTC).timestamp())  # Saturday, 00:00 in Tokyo
_TICK = 600
_RESTART = 5.0
_SOURCES = ("main", "hackernews", "lobsters", "reddit", "arxiv", "blog", "dead")
_WORDS = (
    *("local", "model", "inference", "cache", "compiler", "memory", "safety", "database", "index"),
    *("vector", "kernel", "scheduler", "parser", "garbage", "collector", "typed", "shell"),
    *("editor", "browser", "protocol"),
)
_OF = {"hackernews": 9, "lobsters": 6, "reddit/LocalLLaMA": 8, "reddit/programming": 5,
       "arxiv": 4, "blog": 2, "dead": 2}  # fmt: skip
_WALL = html("<!doctype html><html><body><h1>whoa there, pardner!</h1></body></html>", 403)


class Simulated:
    """The simulated time, in a file: it survives the process that is killed."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            path.write_bytes(struct.pack("<8d", float(START), *[0.0] * 7))
        self._file = path.open("r+b")
        self._map = mmap.mmap(self._file.fileno(), 64)

    def close(self) -> None:
        self._map.close()
        self._file.close()

    def _get(self, place: int) -> float:
        (value,) = struct.unpack_from("<d", self._map, 8 * place)
        return float(value)

    def _set(self, place: int, value: float) -> None:
        struct.pack_into("<d", self._map, 8 * place, value)

    def __call__(self) -> float:
        return self._get(0)

    def tick(self, _: float) -> None:
        self._set(0, self._get(0) + _TICK)

    def restart(self) -> None:
        """A process that is started again has lost some seconds."""
        for place in range(1, 1 + len(_SOURCES)):
            self._set(place, max(self._get(place), self()) + _RESTART)

    def _place(self) -> int:
        name = threading.current_thread().name
        return 1 + (_SOURCES.index(name) if name in _SOURCES else 0)

    def own(self) -> float:
        """The time of the source whose thread asks."""
        return max(self._get(self._place()), self())

    def sleep(self, seconds: float) -> None:
        self._set(self._place(), self.own() + seconds)

    def client(self) -> httpx2.Client:
        """A client whose requests carry both times."""

        def stamped(request: httpx2.Request) -> None:
            request.headers["x-now"] = str(int(self()))
            request.headers["x-own"] = str(self.own())

        client = new_client(trust_env=False)
        client.event_hooks = {"request": [stamped]}
        return client


def _hash(*parts: object) -> int:
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:6], "big")


def _stories(community: str, now: int) -> Iterator[dict[str, Any]]:
    """What the community holds at `now`, newest first; counts grow for three days."""
    of_day = _OF[community]
    for day in range((now - START) // DAY, -10, -1):
        for number in range(of_day - 1, -1, -1):
            created = START + day * DAY + number * DAY // of_day + _hash(community, day) % 900
            if created > now:
                continue
            seed = _hash(community, day, number)
            title = " ".join(_WORDS[(seed >> 4 * n) % len(_WORDS)] for n in range(5))
            age = min(now - created, 3 * DAY) // 3600
            yield {
                "id": f"{(day + 10) * 20 + number + 1}",
                "title": f"{title.capitalize()} {day}.{number}",
                "created": created,
                "points": 25 + age * (1 + seed % 9),
                "comments": age * (1 + seed % 4) // 3,
                "gone": seed % 31 == 0 and age > 30,  # deleted after a day
                "url": f"https://example.org/{community.replace('/', '-')}/{day}/{number}",
            }


def existing(community: str, since: int, until: int) -> set[str]:
    """The ids of all threads that the community had in [since, until)."""
    prefix = {"lobsters": "l", "reddit": "r"}.get(community.partition("/")[0], "")
    return {
        f"{prefix}{one['id']}" if community != "arxiv" else f"2606.{int(one['id']):05}"
        for one in _stories(community, until)
        if since <= one["created"] < until
    }


@dataclass
class Twin:
    """What the twin saw."""

    community: Community
    asked: Counter[tuple[int, str]] = field(default_factory=Counter)  # (now, address)
    exceeded: list[str] = field(default_factory=list)  # a stated limit was not kept
    last: dict[str, float] = field(default_factory=dict)  # host → time of its last request
    lock: threading.Lock = field(default_factory=threading.Lock)

    def forget(self) -> None:
        """Begin the next life."""
        self.asked, self.exceeded, self.last = Counter(), [], {}

    def answer(self, asked: Asked) -> Reply:
        now, own = int(asked.headers["x-now"]), float(asked.headers["x-own"])
        host = asked.path.split("/")[1]
        with self.lock:
            self.asked[now, f"{asked.path}?{sorted(asked.query.items())}"] += 1
            since, self.last[host] = own - self.last.get(host, 0.0), own
        day = (now - START) / DAY
        reply: Reply = getattr(self, f"_{host}")(asked, now, day, since)
        return reply

    def _limit(self, host: str, since: float, least: float) -> bool:
        if since < least - 0.01:
            self.exceeded.append(f"{host}: {since:.1f} s after the last request")
            return True
        return False

    def _hn(self, asked: Asked, now: int, day: float, since: float) -> Reply:
        if asked.path == "/hn/search_by_date":
            frozen = START + 9 * DAY if 9 <= day < 10.5 else now  # the index stands still
            found = re.findall(r"(>=|<)(\d+)", asked.query["numericFilters"])
            low, high = int(found[0][1]), int(found[1][1])
            hits = [
                {"objectID": one["id"], "created_at_i": one["created"], "title": one["title"],
                 "url": one["url"], "points": one["points"], "num_comments": one["comments"],
                 "_tags": ["story"]}
                for one in _stories("hackernews", now)
                if low <= one["created"] < min(high, frozen) and not one["gone"]
            ]  # fmt: skip
            return json_reply({"hits": hits, "nbHits": len(hits), "nbPages": 1, "page": 0})
        stories = {one["id"]: one for one in _stories("hackernews", now)}
        if asked.path.endswith("stories.json"):
            return json_reply([int(id_) for id_ in list(stories)[:60]])
        one = stories.get(asked.path.rpartition("/")[2].removesuffix(".json"))
        if one is None:
            return Reply(b"null")
        item = {"id": int(one["id"]), "type": "story", "time": one["created"]}
        if one["gone"]:
            return json_reply({**item, "deleted": True})
        return json_reply(
            {**item, "title": one["title"], "url": one["url"], "score": one["points"],
             "descendants": one["comments"], "kids": []}
        )  # fmt: skip

    def _lobsters(self, asked: Asked, now: int, day: float, since: float) -> Reply:
        if self._limit("lobsters", since, 1.0) or 4.3 <= day < 4.7:
            return Reply(b"", 500)  # the limiter's answer
        page = re.search(r"page/(\d+)", asked.path)
        start = 25 * (int(page[1]) - 1 if page else 0)
        stories = [one for one in _stories("lobsters", now) if not one["gone"]]
        return json_reply(
            [
                {"short_id": f"l{one['id']}", "title": one["title"], "url": one["url"],
                 "created_at": datetime.fromtimestamp(one["created"], UTC).isoformat(),
                 "score": one["points"], "comment_count": one["comments"], "tags": ["a"]}
                for one in stories[start : start + 25]
            ]
        )  # fmt: skip

    def _reddit(self, asked: Asked, now: int, day: float, since: float) -> Reply:
        if self._limit("reddit", since, 60.0):
            hint = (("X-Ratelimit-Remaining", "0"), ("X-Ratelimit-Reset", "60"))
            return Reply(b"", 429, hint if int(day) % 2 else ())
        if 17 <= day < 19:
            return _WALL
        _, _, _, subreddit, listing, _ = asked.path.split("/")
        stories = [one for one in _stories(f"reddit/{subreddit}", now) if not one["gone"]]
        if listing == "top":
            stories = [one for one in stories if one["created"] > now - 7 * DAY]
            stories.sort(key=lambda one: -one["points"])
        entries = "".join(
            f'<entry><id>t3_r{one["id"]}</id><category term="{subreddit}"/>'
            f"<title>{one['title']}</title><published>"
            f"{datetime.fromtimestamp(one['created'], UTC).isoformat()}</published>"
            f'<content type="html">&lt;a href="{one["url"]}"&gt;[link]&lt;/a&gt;</content></entry>'
            for one in stories[:100]
        )
        return _atom(entries)

    def _arxiv(self, asked: Asked, now: int, day: float, since: float) -> Reply:
        feed = asked.path.startswith("/arxiv/atom")
        if not feed and (self._limit("arxiv", since, 3.0) or 11 <= day < 13):
            return Reply(b"", 429)
        prefix = "oai:arXiv.org:" if feed else "http://arxiv.org/abs/"
        entries = "".join(
            f"<entry><id>{prefix}2606.{int(one['id']):05}v1</id><title>{one['title']}</title>"
            f"<summary>Abstract: We show it.</summary><published>"
            f"{datetime.fromtimestamp(one['created'], UTC).isoformat()}</published></entry>"
            for one in _stories("arxiv", now)
            if one["created"] > now - (1 if feed else 8) * DAY
        )
        return _atom(entries)

    def _blog(self, asked: Asked, now: int, day: float, since: float) -> Reply:
        stories = list(_stories("blog", now))[:40]
        return _atom("".join(map(_blog_entry, stories)))

    def _dead(self, asked: Asked, now: int, day: float, since: float) -> Reply:
        if day >= 2:
            return Reply(reset=True)  # the host is gone for good
        return self._blog(asked, now, day, since)


def _blog_entry(one: dict[str, Any]) -> str:
    moment = datetime.fromtimestamp(one["created"], UTC).isoformat()
    return (
        f"<entry><id>{one['url']}</id><title>{one['title']}</title>"
        f'<link href="{one["url"]}"/><updated>{moment}</updated></entry>'
    )


def _atom(entries: str) -> Reply:
    body = f'<feed xmlns="http://www.w3.org/2005/Atom">{entries}</feed>'
    return Reply(body.encode(), 200, (("Content-Type", "application/atom+xml"),))


@contextmanager
def twin() -> Iterator[Twin]:
    """The twin, serving on loopback."""
    with running(Community()) as community:
        one = Twin(community)
        community.reply = one.answer  # type: ignore[method-assign]
        yield one


def settings(url: str, folder: Path, collect: str = "17 */6 * * *") -> Path:
    """A shiomi.toml for one life in the twin, in a folder of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "shiomi.toml"
    path.write_text(
        f"""
        [sources.hackernews]
        endpoint = "{url}/hn"
        search_endpoint = "{url}/hn"
        comments = 0
        [sources.lobsters]
        endpoint = "{url}/lobsters"
        pages = 3
        comments = 0
        [sources.reddit]
        subreddits = ["LocalLLaMA", "programming"]
        public_endpoint = "{url}/reddit"
        [sources.arxiv]
        endpoint = "{url}/arxiv"
        feed_endpoint = "{url}/arxiv/atom"
        [sources]
        articles.enabled = false
        [[feed]]
        name = "blog"
        url = "{url}/blog"
        [[feed]]
        name = "dead"
        url = "{url}/dead"
        [schedule]
        collect = "{collect}"
        [notify]
        urls = ["json://in-the-twin"]
        [[watch]]
        name = "model"
        terms = ["model"]
        """
    )
    return path


def live(folder: Path, until: int) -> None:
    """`shiomi run` in the twin until the simulated time `until`; what a process of its own does."""
    threading.current_thread().name = "main"
    clock = Simulated(folder / "clock")
    clock.restart()
    path = folder / "shiomi.toml"
    sent = folder / "sent.jsonl"
    memory = folder / "memory.csv"

    def tick(seconds: float) -> None:
        if int(clock()) % DAY < _TICK:
            with memory.open("a") as file:
                file.write(f"{(clock() - START) / DAY:.0f},{_resident()}\n")
        clock.tick(seconds)
        if clock() >= until:
            service.stopping.set()

    def send(_: str, title: str, text: str) -> bool:
        with sent.open("a") as file:
            file.write(json.dumps([clock(), title]) + "\n")
        return True

    service = Service(
        path, load_config(path), clock, tick, clock.sleep, send, partial(Simulated.client, clock)
    )
    service.loop()


def _resident() -> int:
    """KiB of memory in use."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1])
    return 0


if __name__ == "__main__":
    live(Path(sys.argv[1]), int(sys.argv[2]))
    os._exit(0)
