"""Count the AI agents that the gate recognises by name, and the honest agents that it denies.

    mkdir lists && cd lists
    pip download --no-deps crawler-user-agents==1.67.0 fake-useragent==2.2.0 \
        ai-crawler-index==1.3.0
    pip download --no-deps --no-binary :all: device_detector==6.5.1
    npm pack ua-parser-js@2.0.10 top-user-agents@2.1.138
    python -m benchmarks.gate.agents lists

The agents come from lists of 2026 that others publish as packages; none of these packages is part
of this project. The names in device-detector, ua-parser-js and crawler-user-agents were read while
our lists were made. The package ai-crawler-index has some bots that are in none of these three
packages. These bots are held out: nobody read their names, and this script does not print them.

A bot is "named" if its client has an AI purpose, or the mixed purpose (search and AI at once). A
bot is "kept out" if it is named, or if it is an unnamed bot or library, which the default policy
challenges. Honest agents are browsers, feed readers, previews and monitors. They are "denied" if
the default policy refuses them.
"""

from __future__ import annotations

import argparse
import json
import re
import tarfile
import zipfile
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from shiomi.gate.identity.user_agents import UserAgents, user_agents
from shiomi.gate.policy import Action, Policy
from shiomi.gate.purpose import AI_PURPOSES, Purpose

_NAMED = {*AI_PURPOSES, Purpose.MIXED}
_HONEST = ("feed-reader", "social-preview", "monitoring")
COMMON = ("desktop", "smartphone", "tablet", "phablet")
RARE = ("tv", "console", "car_browser", "feature_phone", "smart_display", "wearable")


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
        """Return agents by bot, for bots whose category begins with one of these texts."""
        found: dict[str, list[str]] = defaultdict(list)
        for entry in self.files["bots"]:
            if str(entry["bot"].get("category", "")).startswith(categories):
                found[entry["bot"]["name"]].append(entry["user_agent"])
        return found

    def browsers(self, *stems: str) -> list[str]:
        """Return agents of browsers, from files whose names begin with one of these texts."""
        return [
            entry["user_agent"]
            for stem, entries in self.files.items()
            if stem.startswith(stems)
            for entry in entries
            if (entry.get("client") or {}).get("type") == "browser"
        ]


def found(folder: Path, pattern: str) -> Path:
    """Return the one file whose name matches the pattern.

    Raises
    ------
    SystemExit
        There is no such file.
    """
    files = sorted(folder.glob(pattern))
    if not files:
        raise SystemExit(f"{folder} has no {pattern}; see the first lines of this script")
    return files[-1]


def crawlers(folder: Path) -> list[dict[str, Any]]:
    """Return the entries of crawler-user-agents."""
    with zipfile.ZipFile(found(folder, "crawler_user_agents-*.whl")) as archive:
        name = next(one for one in archive.namelist() if one.endswith("user-agents.json"))
        entries: list[dict[str, Any]] = json.loads(archive.read(name))
        return entries


def ua_parser(folder: Path) -> list[str]:
    """Return the names that ua-parser-js lists as AI assistants and AI crawlers."""
    with tarfile.open(found(folder, "ua-parser-js-*.tgz")) as archive:

        def text(name: str) -> str:
            file = archive.extractfile(f"package/src/{name}.mjs")
            return file.read().decode() if file else ""

        lists = text("bot-detection/bot-detection")
        names = dict(re.findall(r"(\w+): '([^']+)'", text("enums/ua-parser-enums")))
    keys: list[str] = []
    for title in ("AIAssistants", "AICrawlers"):
        begin = lists.index(f"{title} = ")
        keys += re.findall(r"(?:Fetcher|Crawler)\.(\w+)", lists[begin : lists.index("]", begin)])
    return [names[key] for key in keys]


def ai_agents(folder: Path, detector: DeviceDetector) -> dict[str, list[str]]:
    """Return User-Agents by the bot's name, in lower case and without punctuation."""
    agents: dict[str, list[str]] = defaultdict(list)
    for name, lines in detector.bots("AI ").items():
        agents[_plain(name)] += lines
    for name in ua_parser(folder):
        agents[_plain(name)].append(f"Mozilla/5.0 (compatible; {name}/1.0; +https://bot.example)")
    for entry in crawlers(folder):
        if "ai-crawler" in entry.get("tags", ()):
            agents[_plain(entry["pattern"])] += entry["instances"]
    return agents


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]|\\b", "", name.lower().replace("\\b", ""))


def held_out(folder: Path, known: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """Return a User-Agent of each AI bot that only ai-crawler-index has."""
    with zipfile.ZipFile(found(folder, "ai_crawler_index-*.whl")) as archive:
        data = json.loads(archive.read("ai_crawler_index/data.json"))
    return {
        name: [f"Mozilla/5.0 (compatible; {one['ua']}/1.0; +https://bot.example)"]
        for one in data["crawlers"]
        if one["category"] in data["ai_categories"]
        and not {name := _plain(one["ua"]), _plain(one["name"])} & set(known)
    }


def recognised(groups: Mapping[str, Sequence[str]], agents: UserAgents, *, show: bool) -> None:
    """Print how many bots are named and how many are kept out.

    A bot is counted only if this is true for all of its User-Agents.
    """
    named = kept = 0
    for name, lines in sorted(groups.items()):
        purposes = {agents.client(line).purpose for line in lines}
        named += purposes <= _NAMED
        kept += purposes <= {*_NAMED, Purpose.LIBRARY}
        if show and not purposes <= _NAMED:
            print(f"    not named: {name} ({', '.join(sorted(purposes))})")
    total = len(groups)
    print(f"  {total} bots: named {named} ({named / total:.1%}), kept out {kept / total:.1%}")


def denied(title: str, lines: Iterable[str], agents: UserAgents) -> None:
    """Print how many honest agents the default policy denies."""
    policy, known = Policy(), sorted(set(lines))
    refused = [
        line
        for line in known
        if policy.purposes[agents.client(line).purpose].unverified is Action.DENY
    ]
    print(f"  {title:42}{len(known):7} agents, denied {len(refused)}")
    for line in refused[:12]:
        print(f"    {agents.client(line).name}: {line[:90]}")


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("lists", type=Path)
    folder = parser.parse_args().lists
    agents = user_agents()
    detector = DeviceDetector(found(folder, "device_detector-*.tar.gz"))
    bots = ai_agents(folder, detector)
    print(f"AI agents: {len(bots)} bots, {sum(map(len, bots.values()))} User-Agents")
    recognised(bots, agents, show=True)
    print("AI agents that were held out")
    recognised(held_out(folder, bots), agents, show=False)
    print("Honest agents under the default policy")
    with zipfile.ZipFile(found(folder, "fake_useragent-*.whl")) as archive:
        fake = archive.read("fake_useragent/data/browsers.jsonl").decode().splitlines()
    denied("browsers, fake-useragent", (json.loads(line)["useragent"] for line in fake), agents)
    with tarfile.open(found(folder, "top-user-agents-*.tgz")) as archive:
        file = archive.extractfile("package/src/index.json")
        denied("browsers, top-user-agents", json.loads(file.read()) if file else (), agents)
    denied("browsers, device-detector", detector.browsers(*COMMON, *RARE), agents)
    for tag in _HONEST:
        tagged = [one for one in crawlers(folder) if tag in one.get("tags", ())]
        pure = [one for one in tagged if "ai-crawler" not in one["tags"]]
        lines = [line for one in pure for line in one["instances"]]
        denied(f"{tag}, crawler-user-agents", lines, agents)
    for category in ("Feed", "Site Monitor", "Social"):
        lines = [line for some in detector.bots(category).values() for line in some]
        denied(f"{category}, device-detector", lines, agents)


if __name__ == "__main__":
    main()
