"""Honest programs, as the requests they send: each must reach the site under its preset.

AI crawlers must not, at the same paths. The benchmark `benchmarks/gate/honest.py` prints the table.
"""

from __future__ import annotations

from typing import NamedTuple

from shiomi.gate.trial import BROWSER

__all__ = ["AI", "HONEST", "Program"]

AI = ("GPTBot/1.2", "ClaudeBot/1.0", "CCBot/2.0", "Bytespider", "PerplexityBot/1.0")

Headers = tuple[tuple[str, str], ...]
_PREFLIGHT: Headers = (("Origin", "https://a.example"), ("Access-Control-Request-Method", "PUT"))


class Program(NamedTuple):
    """A program's request, and the preset of the site it goes to ("" for the default policy)."""

    name: str
    agent: str
    path: str
    preset: str = ""
    method: str = "GET"
    headers: Headers = ()
    peer: str = "192.0.2.7"


def _all(preset: str, path: str, agents: tuple[str, ...]) -> list[Program]:
    return [Program(agent.partition("/")[0][:40], agent, path, preset) for agent in agents]


HONEST = [
    Program("git clone", "git/2.39.5", "/p.git/info/refs?service=git-upload-pack"),
    Program("git fetch", "git/2.39.5", "/p.git/git-upload-pack", "cgit", "POST"),
    Program("git push", "JGit/6.8", "/p.git/git-receive-pack", "forgejo", "POST"),
    Program("git, dumb HTTP", "git/2.39.5", "/p.git/objects/ab/cdef", "cgit"),
    Program("git-lfs", "git-lfs/3.4.0", "/p.git/info/lfs/objects/batch", "", "POST"),
    Program("docker pull", "docker/27.3.1 go/go1.22", "/v2/", "forgejo"),
    Program("podman pull", "containers/5.33.1", "/v2/a/b/manifests/latest", "gitlab"),
    Program("containerd", "containerd/1.7.2", "/v2/a/b/blobs/sha256:00", ""),
    Program("pip", "pip/24.0", "/api/packages/a/pypi/simple/x/", "forgejo"),
    Program("uv", "uv/0.5.1", "/simple/x/", ""),
    Program("apt", "Debian APT-HTTP/1.3 (2.6.1)", "/debian/dists/stable/InRelease", ""),
    Program("apt package", "Debian APT-HTTP/1.3 (2.6.1)", "/debian/pool/main/x/x_1.deb", ""),
    Program("dnf", "libdnf (Fedora 41)", "/f/repodata/repomd.xml", ""),
    Program("npm", "npm/10.9.0 node/v22", "/api/packages/a/npm/x", "forgejo"),
    Program("npm package", "npm/10.9.0 node/v22", "/x/-/x-1.0.tgz", ""),
    Program("cargo", "cargo 1.83.0", "/api/v1/crates/x/1.0/download", "forgejo"),
    Program("go proxy", "Go-http-client/2.0", "/mod/@v/list", ""),
    Program("go get", "Go-http-client/2.0", "/a/b?go-get=1", "forgejo"),
    Program("go get, GitLab", "Go-http-client/2.0", "/a/b?go-get=1", "gitlab"),
    Program("curl with a key", "curl/8.14", "/api/v4/projects", "gitlab", "GET",
            (("Authorization", "Bearer x"),)),
    Program("curl, FastAPI", "curl/8.14", "/api/items", "fastapi", "POST"),
    Program("requests, Django", "python-requests/2.32", "/api/items", "django"),
    Program("any client, API", "Java/21", "/anything", "api"),
    Program("GitHub webhook", "GitHub-Hookshot/abc", "/hooks/deploy", "", "POST"),
    Program("Stripe webhook", "Stripe/1.0", "/stripe/webhook", "", "POST"),
    Program("GitLab webhook", "GitLab/17.5", "/ci/webhook", "", "POST"),
    Program("Slack webhook", "Slackbot 1.0", "/slack/webhooks", "", "POST"),
    Program("PayPal webhook", "PayPal IPN", "/webhooks/paypal", "", "POST"),
    *_all("", "/", (
        "Mozilla/5.0+(compatible; UptimeRobot/2.0; http://www.uptimerobot.com/)",
        "Pingdom.com_bot_version_1.4_(http://www.pingdom.com/)", "StatusCake",
        "Better Uptime Bot Mozilla/5.0", "Site24x7", "Uptime-Kuma/1.23.11",
        "Datadog/Synthetics", "updown.io daemon 2.11", "HetrixTools Uptime Monitoring Bot",
        "FreshpingBot/1.0", "Checkly/1.0", "check_http/v2.3.3 (monitoring-plugins 2.3.3)",
        "GoogleStackdriverMonitoring-UptimeChecks(https://cloud.google.com/monitoring)",
        "Amazon-Route53-Health-Check-Service (ref 1)", "kube-probe/1.30", "Blackbox Exporter/0.25",
    )),
    *_all("podcast", "/episodes/1.mp3", (
        "AppleCoreMedia/1.0.0.22B83 (iPhone)", "Podcasts/1575.1.2 CFNetwork", "Overcast/3.0",
        "PocketCasts/1.0", "AntennaPod/3.5.0", "Castro 2024", "Podcast Addict v2024",
        "Spotify/1.0", "Downcast/2.9", "gPodder/3.11", "iTMS", "okhttp/4.12",
    )),
    *_all("", "/feed.xml", (
        "Feedly/1.0 (+http://www.feedly.com/fetcher.html)", "newsboat/2.40", "Miniflux/2.2",
        "FreshRSS/1.24", "NetNewsWire (RSS Reader)", "Tiny Tiny RSS/24", "Inoreader/1.0",
        "NewsBlur Feed Fetcher", "liferea/1.14", "rss2email/3.14", "Thunderbird/128",
    )),
    *_all("", "/post/1", (
        "Slackbot-LinkExpanding 1.0", "WhatsApp/2.23.20", "Discordbot/2.0", "LinkedInBot/1.0",
        "Mastodon/4.3 (http.rb/5.2)",
        "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_11_1) AppleWebKit/601.2.4 (KHTML, like Gecko)"
        " Version/9.0.1 Safari/601.2.4 facebookexternalhit/1.1 Facebot Twitterbot/1.0",
        "SkypeUriPreview", "Iframely/1.3.1",
    )),
    Program("Twitterbot", "Twitterbot/1.0", "/post/1", peer="8.25.194.1"),
    Program("Telegram", "TelegramBot (like TwitterBot)", "/post/1", peer="91.108.4.1"),
    Program("web app manifest", BROWSER, "/manifest.json"),
    Program("web app manifest", BROWSER, "/app.webmanifest"),
    Program("icon", BROWSER, "/apple-touch-icon-precomposed.png"),
    Program("CORS preflight", BROWSER, "/api", "", "OPTIONS", _PREFLIGHT),
    Program("DAVx5", "DAVx5/4.4 (okhttp)", "/remote.php/dav/", "", "PROPFIND"),
    Program("Windows WebDAV", "Microsoft-WebDAV-MiniRedir/10", "/dav/a", "", "PROPFIND"),
    Program("CalDAV discovery", "iOS/18 dataaccessd/1.0", "/.well-known/caldav", "", "PROPFIND"),
    Program("ACME", "Let's Encrypt validation server", "/.well-known/acme-challenge/x"),
    Program("MediaWiki bot", "pywikibot/9.0", "/w/api.php", "mediawiki", "POST"),
    Program("MediaWiki style", "okhttp/4", "/w/load.php", "mediawiki"),
    Program("WordPress app", "wp-iphone/25.0", "/xmlrpc.php", "wordpress", "POST"),
    Program("WordPress REST", "python-requests/2.32", "/wp-json/wp/v2/posts", "wordpress"),
    Program("WordPress feed", "SomeReader/1.0", "/?feed=rss2", "wordpress"),
    Program("wget a release", "Wget/1.21.3", "/releases/x-1.0.tar.gz", "static"),
]  # fmt: skip
