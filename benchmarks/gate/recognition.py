"""Compare the clients that the gate recognises with ai.robots.txt's lists and crawler-user-agents.

    python -m benchmarks.gate.recognition
    python -m benchmarks.gate.recognition --device-detector device_detector-6.5.1.tar.gz

Measured of AI crawlers:

- known: taken for a client of an AI purpose (training, AI search, user fetch);
- kept out: that, or an unnamed bot or library, which the default policy challenges;
- with the bot left out: the same after every named pattern is taken away that is found in any
  agent of that very bot: what a bot gets that nobody has listed. Split by bot, not by line.

False hits are browsers taken for anything but a browser ("for a bot": named, or by its shape;
"unknown": neither, which the default policy treats as it does a browser).

Our list was made with the agents of crawler-user-agents. The browsers of uap-core are not,
and were looked at while the shapes were made. Of device-detector (LGPL, not part of this project;
`pip download --no-deps --no-binary :all: device_detector==6.5.1`) half of the AI bots, drawn by a
hash of their names, were looked at and those missing put into our list; of the other half nothing
was ever seen. Its browsers were looked at; docs/gate/results.md has what was measured before that.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import tarfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import yaml

from shiomi.gate.identity.crawler_lists import AI_PURPOSES
from shiomi.gate.identity.user_agents import UNKNOWN, UserAgents, user_agents
from shiomi.gate.policy import Action, Policy
from shiomi.gate.purpose import Purpose

ROOT = Path(__file__).parents[2]
DATA = Path(os.environ.get("SHIOMI_DATA", ROOT.parent / "shared" / "data")) / "gate"
KEPT_TAGS = {"archiver": "archives", "feed-reader": "feeds", "social-preview": "previews"}
COMMON = ("desktop", "smartphone", "tablet", "phablet")
RARE = ("tv", "console", "car_browser", "feature_phone", "smart_display", "wearable")
# Families of uap-core that are browsers, or show pages inside another program.
BROWSERS = frozenset(
    """360 Secure Browser|AOL|Aloha Browser|Amazon Silk|Android|Avast Secure Browser|Baidu Browser|
    Baidu Explorer|Basilisk|BlackBerry WebKit|Brave|Camino|Chrome|Chrome Frame|Chrome Mobile|
    Chrome Mobile WebView|Chrome Mobile iOS|Chromium|Coc Coc|Comodo Dragon|Conkeror|Dolphin|Dragon|
    DuckDuckGo Mobile|Ecosia Android|Ecosia iOS|Edge|Edge Mobile|Epiphany|Facebook|Firefox|
    Firefox (Shiretoko)|Firefox Beta|Firefox Mobile|Firefox iOS|Galeon|Honor Browser|Huawei Browser|
    IE|IE Large Screen|IE Mobile|IceCat|Iceweasel|Instagram|Iron|Kindle|Konqueror|LINE|Links|Lynx|
    Maxthon|Midori|MiuiBrowser|Mobile Safari|Mobile Safari UI/WKWebView|NetFront|Nokia Browser|
    Oculus Browser|OmniWeb|Opera|Opera GX|Opera Mini|Opera Mobile|Opera Neon|Opera Tablet|
    Opera Touch|Otter|Ovi Browser|Pale Moon|Phoenix|Puffin|QQ Browser|QQ Browser Mobile|QupZilla|
    Rekonq|RockMelt|Safari|Sailfish Browser|Samsung Internet|SeaMonkey|Seznam prohlížeč|Sleipnir|
    Swiftfox|UC Browser|Vivaldi|WebKit Nightly|Waterfox|Whale|Yandex Browser|qutebrowser|
    webOS Browser
    """.replace("\n    ", "").strip().split("|")
)  # fmt: skip

Groups = Mapping[str, Sequence[str]]  # agents by bot
Patterns = Sequence[re.Pattern[str]]


def crawler_list() -> list[dict[str, Any]]:
    """The entries of crawler-user-agents."""
    path = DATA / "crawler-user-agents" / "crawler-user-agents.json"
    entries: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    return entries


def ai_robots(name: str, flags: int) -> Patterns:
    """The alternatives in one of ai.robots.txt's configurations, as its server reads them."""
    text = (DATA / "ai.robots.txt" / name).read_text(encoding="utf-8")
    begin = text.index("b(") + 2
    alternatives = text[begin : text.index(")\\", begin)].split("|")
    return [re.compile(rf"\b{one.replace(chr(92) * 2, chr(92))}\b", flags) for one in alternatives]


def theirs(patterns: Patterns, groups: Groups) -> tuple[float, float]:
    """Two shares of the agents: those that any pattern matches, and those that a pattern of another
    bot matches."""
    known = left = 0
    for agents in groups.values():
        found = [[p for p in patterns if p.search(agent)] for agent in agents]
        of_this_bot = {id(p) for one in found for p in one}
        known += sum(map(bool, found))
        left += sum(any(id(p) not in of_this_bot for p in one) for one in found)
    total = sum(map(len, groups.values()))
    return known / total, left / total


def ours(agents: UserAgents, groups: Groups) -> dict[str, float]:
    """Shares of agents by what they are taken for, with all patterns, and without the bot's."""
    counts: Counter[str] = Counter()
    for lines in groups.values():
        found = [agents.matching(line) for line in lines]
        of_this_bot = {p for one in found for p in one if not p.client.name.startswith("unnamed")}
        of_this_bot -= {p for p in of_this_bot if p.client.purpose is Purpose.BROWSER}
        for one in found:
            rest = [p for p in one if p not in of_this_bot]
            for how, kept in (("", one), ("left out: ", rest)):
                purpose = kept[0].client.purpose if kept else UNKNOWN.purpose
                counts[how + "known"] += purpose in AI_PURPOSES
                counts[how + "kept out"] += purpose in {*AI_PURPOSES, Purpose.LIBRARY}
                counts[how + "browser"] += purpose is Purpose.BROWSER
    total = sum(map(len, groups.values()))
    return {name: count / total for name, count in counts.items()}


def recognition(title: str, groups: Groups, agents: UserAgents) -> None:
    """Print how many agents of a collection of AI crawlers each list recognises."""
    total = sum(map(len, groups.values()))
    print(f"\nAI crawlers of {title}: {total} agents of {len(groups)} bots")
    print(f"{'':38}{'known':>8}{'kept out':>10}   with the bot left out: known  kept out")
    share = ours(agents, groups)
    print(
        f"{'ours':38}{share['known']:8.1%}{share['kept out']:10.1%}"
        f"{share['left out: known']:28.1%}{share['left out: kept out']:10.1%}"
    )
    rivals = {
        "ai.robots.txt nginx (`~`)": ai_robots("nginx-block-ai-bots.conf", 0),
        "ai.robots.txt .htaccess ([NC])": ai_robots(".htaccess", re.IGNORECASE),
        "crawler-user-agents (any crawler)": [re.compile(e["pattern"]) for e in crawler_list()],
    }
    for name, patterns in rivals.items():
        known, left = theirs(patterns, groups)
        print(f"{name:38}{known:8.1%}{known:10.1%}{left:28.1%}{left:10.1%}")


def browsers(title: str, lines: Iterable[str], agents: UserAgents) -> None:
    """Print how many browsers of a collection each list takes for something else."""
    found = sorted(set(lines))
    taken = Counter(_taken(agents, line) for line in found)
    print(f"\nbrowsers of {title}: {len(found)} agents")
    print(f"{'ours':38}{taken['bot']:5} for a bot, {taken['unknown']} unknown")
    for name, patterns in (
        ("ai.robots.txt nginx (`~`)", ai_robots("nginx-block-ai-bots.conf", 0)),
        ("ai.robots.txt .htaccess ([NC])", ai_robots(".htaccess", re.IGNORECASE)),
        ("crawler-user-agents", [re.compile(e["pattern"]) for e in crawler_list()]),
    ):
        whole = re.compile("|".join(f"(?:{p.pattern})" for p in patterns), patterns[0].flags)
        print(f"{name:38}{sum(bool(whole.search(line)) for line in found):5} for a bot")


def _taken(agents: UserAgents, line: str) -> str:
    client = agents.client(line)
    if client is UNKNOWN:
        return "unknown"
    return "browser" if client.purpose is Purpose.BROWSER else "bot"


def kept(title: str, groups: Mapping[str, Sequence[str]], agents: UserAgents) -> None:
    """Print who of those that the default policy keeps would not get through, and why."""
    policy = Policy()
    print(f"\npreviews, feeds and archives of {title} under the default policy")
    for kind, lines in sorted(groups.items()):
        verdicts: dict[Action, list[str]] = defaultdict(list)
        for line in lines:
            rule = policy.purposes[agents.client(line).purpose]
            verdicts[rule.unverified].append(line)
        counts = ", ".join(f"{len(found)} {action}" for action, found in sorted(verdicts.items()))
        print(f"{kind:12}{len(lines):5} agents: {counts}")
        for action in (Action.DENY, Action.CHALLENGE):
            names = Counter(agents.client(line).name for line in verdicts[action])
            if names:
                print(f"{'':12}{action}: {', '.join(name for name, _ in names.most_common(12))}")


def speed(agents: UserAgents, lines: Sequence[str]) -> None:
    """Print the time of a lookup, compared with a loop and one alternation of the standard
    library."""
    print(f"\nmicroseconds an agent, {len(lines)} agents, {len(agents)} patterns")
    loop = [re.compile(entry["pattern"]) for entry in crawler_list()]
    asked: dict[str, Callable[[str], object]] = {
        "ours, agents not seen before": agents._match,
        "ours, agents seen before": agents.client,
        "crawler-user-agents, `re` in a loop": lambda line: any(p.search(line) for p in loop),
    }
    base = 0.0
    for name, ask in asked.items():
        for line in lines:
            ask(line)
        began = time.process_time()
        for line in lines:
            ask(line)
        spent = (time.process_time() - began) / len(lines) * 1e6
        base = base or spent
        print(f"{name:38}{spent:9.2f}{spent / base:9.2f} x")


class DeviceDetector:
    """The fixtures in the source distribution of device_detector."""

    def __init__(self, path: Path) -> None:
        self.files: dict[str, list[dict[str, Any]]] = {}
        with tarfile.open(path) as archive:
            for member in archive.getmembers():
                file = archive.extractfile(member)
                if "/tests/fixtures/upstream/" in member.name and file is not None:
                    stem = Path(member.name).stem
                    if stem.startswith(("bots", *COMMON, *RARE)):
                        self.files[stem] = yaml.load(file, Loader=yaml.CSafeLoader) or []

    def bots(self, *categories: str) -> dict[str, list[str]]:
        """Agents by bot, of bots in a category that begins with one of these."""
        found: dict[str, list[str]] = defaultdict(list)
        for entry in self.files["bots"]:
            if str(entry["bot"].get("category", "")).startswith(categories):
                found[entry["bot"]["name"]].append(entry["user_agent"])
        return found

    def browsers(self, *stems: str) -> list[str]:
        """Agents of browsers, in the files whose names begin with one of these."""
        return [
            entry["user_agent"]
            for stem, entries in self.files.items()
            if stem.startswith(stems)
            for entry in entries
            if (entry.get("client") or {}).get("type") == "browser"
        ]


def _drawn(bot: str) -> bool:
    """Whether a bot is in the half that was looked at."""
    return sha256(bot.encode()).digest()[0] % 2 == 0


def main() -> None:
    """Print all tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--device-detector", type=Path, help="its source distribution, .tar.gz")
    path = parser.parse_args().device_detector
    agents = user_agents()
    entries = crawler_list()
    ai = {e["pattern"]: e["instances"] for e in entries if "ai-crawler" in e["tags"]}
    recognition("crawler-user-agents (in the making)", ai, agents)
    detector = DeviceDetector(path) if path else None
    if detector:
        bots = detector.bots("AI ")
        for title, seen in (("never seen", False), ("looked at", True)):
            half = {bot: lines for bot, lines in bots.items() if _drawn(bot) is seen}
            recognition(f"device-detector, {title}", half, agents)
    uap = [
        case["user_agent_string"]
        for name in ("test_ua.yaml", "firefox_user_agent_strings.yaml")
        for case in yaml.load(
            (DATA / "uap-core" / name).read_text(encoding="utf-8"), Loader=yaml.CSafeLoader
        )["test_cases"]
        if case["family"] in BROWSERS
    ]
    browsers("uap-core", uap, agents)
    if detector:
        browsers("device-detector, desktops to tablets", detector.browsers(*COMMON), agents)
        browsers("device-detector, televisions to watches", detector.browsers(*RARE), agents)
    groups: dict[str, list[str]] = defaultdict(list)
    for entry in entries:
        for tag, kind in KEPT_TAGS.items():
            if tag in entry["tags"] and "ai-crawler" not in entry["tags"]:
                groups[kind] += entry["instances"]
    kept("crawler-user-agents", groups, agents)
    if detector:
        found = {"feeds": detector.bots("Feed"), "previews": detector.bots("Social")}
        flat = {kind: [a for lines in bots.values() for a in lines] for kind, bots in found.items()}
        kept("device-detector", flat, agents)
    speed(agents, [agent for entry in entries for agent in entry["instances"]])


if __name__ == "__main__":
    main()
