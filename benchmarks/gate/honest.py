"""Send honest programs, and AI crawlers, to real sites behind the gate, each with its preset.

    python -m benchmarks.gate.honest

Programs that are installed run themselves: git, pip, apt, npm, cargo, go, skopeo, curl, wget,
newsboat, cadaver, and clients in Python. Requests of other programs are sent as those programs send
them ("recorded", `tests/gate/honest.py`). All requests go over loopback to the sites of
`benchmarks/gate/sites`. A recorded request counts as let through if the answer comes from the site
and not from the gate, even if the answer is a 404. Then AI crawlers request the same path. If a
Debian package is missing, its site is left out, and the output names the site.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.gate.sites import SITES, site

from tests.gate.honest import AI, HONEST, Program
from tests.gate.http_client import fetch

_REACHED = (200, 204, 207, 301, 302, 404, 405)  # statuses of the site's own answers
_MW, _WP, _CSS = "mediawiki", "wordpress", "/wp-includes/css/dist/block-library/style.min.css"
_WIKI = "/mediawiki"
# Further requests to real sites: (program, agent, preset, path, method).
_MORE = (
    ("MediaWiki bot", "pywikibot/9.0", _MW, f"{_WIKI}/api.php?action=query&format=json", "GET"),
    ("MediaWiki REST", "okhttp/4", _MW, f"{_WIKI}/rest.php/v1/page/Main_Page", "GET"),
    ("MediaWiki style", "okhttp/4", _MW, f"{_WIKI}/load.php?modules=site&only=styles", "GET"),
    ("MediaWiki search", "Java/21", _MW, f"{_WIKI}/opensearch_desc.php", "GET"),
    ("Feedly", "Feedly/1.0", _MW,
     f"{_WIKI}/index.php?title=Special:RecentChanges&feed=atom", "GET"),
    ("Slackbot", "Slackbot-LinkExpanding 1.0", _MW, f"{_WIKI}/index.php/Main_Page", "GET"),
    ("UptimeRobot", "UptimeRobot/2.0", _MW, f"{_WIKI}/index.php/Main_Page", "GET"),
    ("WordPress REST", "python-requests/2.32", _WP, "/wp-json/wp/v2/posts", "GET"),
    ("WordPress oEmbed", "WordPress/6.6", _WP, "/wp-json/oembed/1.0/embed?url=x", "GET"),
    ("WordPress feed", "SomeReader/1.0", _WP, "/feed/", "GET"),
    ("WordPress feed by query", "SomeReader/1.0", _WP, "/?feed=rss2", "GET"),
    ("WordPress style", "okhttp/4", _WP, _CSS, "GET"),
    ("WordPress cron", "WordPress/6.6", _WP, "/wp-cron.php?doing_wp_cron", "POST"),
    ("WordPress trackback", "WordPress/6.6", _WP, "/hello-world/trackback/", "POST"),
    ("WordPress comment feed", "SomeReader/1.0", _WP, "/comments/feed/", "GET"),
    ("cgit plain file", "curl/8.14", "cgit", "/p.git/plain/file", "GET"),
    ("cgit snapshot", "Wget/1.21", "cgit", "/p.git/snapshot/p-main.tar.gz", "GET"),
    ("cgit feed", "SomeReader/1.0", "cgit", "/p.git/atom/", "GET"),
)  # fmt: skip


def real_programs() -> dict[str, tuple[tuple[str, str], ...]]:
    """Return the name and the shell line of each program, by site. $URL is the address of the site.
    Each line runs in a new folder."""
    cargo = (
        'mkdir src && touch src/lib.rs && printf \'[package]\\nname="x"\\nversion="0.1.0"\\n'
        'edition="2021"\\n[dependencies]\\ntestpkg={version="1",registry="r"}\\n\' > Cargo.toml'
        " && mkdir .cargo && printf '[registries.r]\\nindex=\"sparse+%s/api/packages/a/cargo/\"\\n'"
        " $URL > .cargo/config.toml && CARGO_HOME=$PWD/home cargo fetch"
    )
    apt = (
        'mkdir -p l/partial c/partial s && echo "deb [trusted=yes] $URL/debian stable main"'
        " > s/l.list"
        ' && O="-o Dir::Etc::sourcelist=$PWD/s/l.list -o Dir::Etc::sourceparts=/nonexistent'
        ' -o Dir::State::lists=$PWD/l -o Dir::Cache=$PWD/c -o APT::Sandbox::User=root"'
        " && apt-get $O update -o APT::Update::Error-Mode=any && apt-get $O download testpkg"
    )
    python, skopeo = sys.executable, "skopeo"
    status = "curl -s -o o -w '%{http_code}'"
    return {
        "": (
            ("pip", f"{python} -m pip download -q --no-deps --index-url $URL/simple testpkg"),
            ("apt update, download", apt),
            ("go mod download", "printf 'module x\\n' > go.mod && GOPROXY=$URL/go GOSUMDB=off"
             " GOFLAGS=-mod=mod GOPATH=$PWD/p go mod download example.com/testmod@v1.0.0"),
            ("skopeo inspect", f"{skopeo} inspect --tls-verify=false docker://${{URL#http://}}/a/b:latest"),
            ("cadaver", "echo ls | cadaver $URL/dav/ 2>&1 | grep -q collection"),
            ("curl, PROPFIND", f"test $({status} -X PROPFIND $URL/dav/a) = 207"),
            ("feedparser", f"{python} -c \"import feedparser,os;"
             "assert feedparser.parse(os.environ['URL']+'/feed.xml').entries\""),
            ("newsboat", "echo $URL/feed.xml > u && touch c && newsboat -u u -c db -C c -x reload"
             " && newsboat -u u -c db -C c -x print-unread | grep -q '^1 '"),
        ),
        "forgejo": (
            ("npm pack", "npm pack --loglevel=error --registry $URL/api/packages/a/npm/ testpkg"
             " --cache $PWD/n"),
            ("cargo fetch", cargo),
            ("skopeo list-tags", f"{skopeo} list-tags --tls-verify=false docker://${{URL#http://}}/a/b"),
            ("curl with a key", "curl -sf -H 'Authorization: token x' $URL/api/v1/repos/search"),
            ("curl, raw file", "curl -sf $URL/a/b/raw/branch/main/file"),
        ),
        "static": (
            ("wget a release", "wget -q $URL/releases/x-1.0.tar.gz"),
            ("curl, a range", f"test $({status} -r 0-9 $URL/dist/a.zip) -lt 300"),
        ),
        "podcast": (
            ("wget an episode", "wget -q $URL/episodes/1.mp3"),
            ("curl, a chapter", "curl -sf $URL/episodes/1/chapters.json"),
        ),
        "cgit": (
            ("git clone", "git clone -q $URL/p.git c && test -f c/file"),
            ("git clone, dumb", "GIT_SMART_HTTP=0 git clone -q $URL/p.git c && test -f c/file"),
            ("git fetch and push", "git clone -q $URL/p.git c && cd c && git -c user.name=a"
             " -c user.email=a@b commit -q --allow-empty -m x && git push -q origin HEAD:x"
             " && git fetch -q && git ls-remote | grep -q heads/x"),
            ("curl, a plain file", "curl -sf $URL/p.git/plain/file | grep -q text"),
            ("wget a snapshot", "wget -q $URL/p.git/snapshot/p-main.tar.gz"),
        ),
        "mediawiki": (
            ("requests, API", f"{python} -c \"import requests,os;"
             "assert 'query' in requests.get(os.environ['URL']+'/mediawiki/api.php?action=query"
             "&meta=siteinfo&format=json').json()\""),
            ("curl, login token", "curl -sf -d 'action=query&meta=tokens&type=login&format=json'"
             " $URL/mediawiki/api.php | grep -q logintoken"),
        ),
        _WP: (
            ("xmlrpc.client", f"{python} -c \"import xmlrpc.client as x,os;"
             "s=x.ServerProxy(os.environ['URL']+'/xmlrpc.php');"
             "assert 'demo.sayHello' in s.system.listMethods()\""),
            ("requests, REST", f"{python} -c \"import requests,os;"
             "assert requests.get(os.environ['URL']+'/wp-json/wp/v2/posts').json()\""),
            ("feedparser", f"{python} -c \"import feedparser,os;"
             "assert feedparser.parse(os.environ['URL']+'/feed/').entries\""),
            ("newsboat", "echo $URL/feed/ > u && touch c && newsboat -u u -c db -C c -x reload"
             " && newsboat -u u -c db -C c -x print-unread | grep -q '^1 '"),
        ),
        "django": (
            ("requests, API", f"{python} -c \"import requests,os;"
             "assert requests.post(os.environ['URL']+'/api/items',json={}).json()\""),
            ("curl, webhook", f"test $({status} -d {{}} $URL/webhooks/x) = 200"),
        ),
        "fastapi": (
            ("httpx, events", f"{python} -c \"import httpx,os;assert"
             " httpx.get(os.environ['URL']+'/api/events').text.count('data:')==3\""),
            ("websockets", f"{python} -c \"import os;"
             "from websockets.sync.client import connect as c;"
             "s=c(os.environ['URL'].replace('http','ws')+'/v1/ws');s.send('a');"
             "assert s.recv()=='a'\""),
            ("curl, upload", "echo abc > f && curl -sf -F file=@f $URL/api/upload | grep -q 4"),
            ("aiohttp", f"{python} -c \"import aiohttp,asyncio,os\nasync def f():\n"
             " async with aiohttp.ClientSession() as s:\n  async with"
             " s.get(os.environ['URL']+'/api/x') as r: assert r.status==200\nasyncio.run(f())\""),
        ),
    }  # fmt: skip


def recorded() -> Iterator[Program]:
    """Yield the requests that this script sends in the form in which the programs send them."""
    real = {"mediawiki", "wordpress", "cgit"}  # their recorded paths belong to other installations
    yield from (one for one in HONEST if one.preset not in real)
    for name, agent, preset, path, method in _MORE:
        yield Program(name, agent, path, preset, method)


def runs(line: str, url: str, folder: Path) -> str:
    """Run a shell line; return "" if it succeeded, else the end of its output."""
    if shutil.which(line.split()[0]) is None and "/" not in line.split()[0]:
        return ""
    folder.mkdir()
    given = {**os.environ, "URL": url, "GIT_CONFIG_GLOBAL": os.devnull}
    given |= {"GIT_TERMINAL_PROMPT": "0"}
    done = subprocess.run(
        ["bash", "-ec", line], cwd=folder, env=given, capture_output=True, timeout=180, check=False
    )
    said = (done.stdout + done.stderr).decode("utf-8", "replace")[-300:]
    return "" if done.returncode == 0 else said or f"exit {done.returncode}"


def ask(port: int, program: Program, agent: str, peer: str) -> tuple[bool, int]:
    """Send a request; return whether the gate refused it, and the status."""
    headers = [*program.headers, ("X-Forwarded-For", peer)]
    body = b"" if program.method in ("POST", "PUT") else None
    answer = fetch(
        port, program.path, agent=agent, method=program.method, headers=headers, body=body
    )
    return bool(answer.header("Shiomi-Gate")), answer.status


def main() -> None:
    """Print what was not let through, and the counts."""
    ran = sent = through = paths = denied = 0
    with tempfile.TemporaryDirectory() as temporary:
        Path(temporary).chmod(0o755)
        asked = list(recorded())
        programs = real_programs()
        for name in dict.fromkeys((*(one.preset for one in asked), *programs)):
            missing = [word for word in SITES.get(name, ()) if not _there(word)]
            if missing:
                print(f"left out: {name} ({', '.join(missing)} not installed)")
                continue
            with site(name, Path(temporary, name or "default")) as port:
                for number, (what, line) in enumerate(programs.get(name, ())):
                    ran += 1
                    failed = runs(
                        line, f"http://127.0.0.1:{port}", Path(temporary, f"{name}{number}")
                    )
                    through += not failed
                    if failed:
                        print(f"not through: {what} at {name or 'the default'}: {failed}")
                for number, program in enumerate(one for one in asked if one.preset == name):
                    peer = program.peer if program.peer != "192.0.2.7" else f"192.0.2.{number}"
                    refused, status = ask(port, program, program.agent, peer)
                    sent += 1
                    through += not refused and status in _REACHED
                    if refused or status not in _REACHED:
                        print(f"not through: {program.name} at {name or 'the default'}: {status}")
                    if program.path.startswith("/.well-known/"):
                        continue
                    paths += 1
                    kept_out = all(ask(port, program, agent, "198.51.100.1")[0] for agent in AI)
                    denied += kept_out
                    if not kept_out:
                        print(f"an AI crawler got {program.path} of {name or 'the default'}")
    share = through / (ran + sent)
    print(f"programs that ran {ran}, recorded requests {sent}")
    print(f"through {through} of {ran + sent} ({share:.1%}; bar 98 %)")
    print(f"paths at which {len(AI)} AI crawlers were all denied {denied} of {paths}")


def _there(word: str) -> bool:
    return (
        shutil.which(word) is not None
        or Path("/usr/share", word).exists()
        or (Path("/usr/lib", word).exists())
    )


if __name__ == "__main__":
    main()
