"""canonical_url(): one key for all the addresses under which the same page is submitted.

A key is an https address in a normal form. The host has no `www.`. Parts of the path that do not
matter to the page are removed. Tracking parameters are removed, and the other parameters are
sorted. Then rules for single sites apply. For example, youtu.be becomes youtube.com, all addresses
of an arXiv paper become one, and the address of a cached or archived page becomes the address of
the original page. These rules are data, in canonical_url.toml. A key is only for comparison; it may
not work as an address.

Addresses are pasted from browsers. So parsing follows the WHATWG URL Standard if browsers accept
more than RFC 3986 allows: backslashes, any number of slashes after the scheme, and stray control
characters. `canonical_url(canonical_url(x)) == canonical_url(x)` for every x.
"""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache
from urllib.parse import quote, unquote_to_bytes

from shiomi.digest.linking.url_rules import Site, UrlRules, Wrapper, load_url_rules

__all__ = ["LONGEST", "canonical_url"]

LONGEST = 4096  # characters; longer addresses have no key (browsers refuse them too)

_Parts = tuple[str, str, str, str]  # host with its port, raw path, raw query, raw fragment

_ADDRESS = re.compile(
    # the scheme may be pasted twice: http://https://example.org
    r"(?:https?:[/\\]*|[/\\]{2,})(?:https?:?[/\\]+)*"
    r"([^/?#\\]*)([^?#]*)\??([^#]*)#?(.*)",
    re.DOTALL | re.IGNORECASE,
)
_AMPERSAND = re.compile(r"&(?:amp;)+", re.IGNORECASE)
_NOISE_AT_THE_ENDS = "".join(map(chr, range(0x21))) + (
    "\x7f\x85\xa0\u200b\u200c\u200d\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e"
    "\u2060\u2066\u2067\u2068\u2069\u3000\ufeff"
)
_SURROGATES = re.compile("[\ud800-\udfff]")
_LINE_BREAKS = str.maketrans("", "", "\t\n\r")

_HOST = re.compile(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)+", re.ASCII)
_SERVICE_LABELS = re.compile(r"(?:(?:www\d{0,2}|m|mobile|amp|touch)\.)+(?=[^.]+\.)")
_CODED_SCHEME = re.compile(r"https?(?:%3a|:%2f)", re.IGNORECASE)
_HAS_A_PATH = re.compile(r"(?:https?:)?/+[^/?#]+/+[^/?#]", re.IGNORECASE)
_BLOGSPOT = re.compile(r"\.blogspot\.(?:com?\.)?[a-z]{2,3}$")

_PLAIN = re.compile(r"[A-Za-z0-9/_~.!$'()*,:@=&+;-]*")
_CODED = re.compile(r"%[0-9A-Fa-f]{2}|%|[^A-Za-z0-9/_~.!$'()*,:@=&+;?-]")
_PATH_LITERALS = frozenset(
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!$'()*,:@=&+"
)
_QUERY_LITERALS = _PATH_LITERALS - frozenset(b"&=+") | frozenset(b"/?;")

_DOT_SEGMENT = re.compile(r"/\.{1,2}(?:/|$)")
_SESSION = re.compile(
    r";(?:jsessionid|phpsessid|sid|sessionid)=[^/;]*|&(?:utm_?\w*|fbclid|ref|source)=.*"
    r"|/\([SXA]\([a-z0-9]+\)\)(?=/|$)",
    re.IGNORECASE,
)
_TAIL = re.compile(
    r"(?:/|%20|/(?:index|default)\.(?:html?|php\d?|aspx?|jsp|shtml|xhtml|cgi)|/amp|\.html?)+$",
    re.IGNORECASE,
)
_AMP_SUFFIX = re.compile(r"\.amp(?:\.html?)?$")
_MEDIUM_STORY = re.compile(
    # An address of Medium ends in a word, "-" and a 48-bit story id. A UUID also ends in 12 hex
    # digits, but must not match.
    r"(?<![0-9a-f]{4})-(?=[0-9]*[a-f])(?=[a-f]*[0-9])([0-9a-f]{12})$"
)


@lru_cache(maxsize=1 << 15)
def canonical_url(url: str) -> str | None:
    """Return the key of the page at `url`. Two addresses with the same key show the same page.

    Return None if `url` is not the address of a public page: it is empty (a text post), its scheme
    is not http(s), its host is on the local machine or network, its port is invalid, or it has more
    than LONGEST characters. Never raises, whatever the text.
    """
    rules = load_url_rules()
    while len(url) <= LONGEST:
        parts = _split(url, rules)
        if parts is None:
            return None
        wrapped = _wrapped(parts, rules)
        if wrapped is None:
            key = _key(parts, rules)
            if key is None or len(key) <= LONGEST:
                return key
            return None
        if len(wrapped) >= len(url):  # each removed wrapper shortens the address, so this ends
            return None
        url = wrapped
    return None


def _split(url: str, rules: UrlRules) -> _Parts | None:
    """Split an address into its parts and normalise the host; None if it is not an address."""
    url = url.strip(_NOISE_AT_THE_ENDS)
    if not url.isprintable():
        url = _SURROGATES.sub("\ufffd", url.translate(_LINE_BREAKS))
    if "&amp;" in url or "&AMP;" in url:  # communities publish addresses that are escaped for HTML
        url = _AMPERSAND.sub("&", url)
    match = _ADDRESS.fullmatch(url)
    if match is None:
        return None
    authority, path, query, fragment = match.groups()
    host = _host(authority, rules)
    return None if host is None else (host, path, query, fragment)


def _host(authority: str, rules: UrlRules) -> str | None:
    """Return the host in lower case and punycode. Labels such as "www" that do not matter to the
    page are removed."""
    authority = authority.rpartition("@")[2]  # user names and passwords do not identify a page
    host, port = authority, ""
    bracket = authority.rfind("]")
    colon = authority.find(":", bracket + 1)
    if colon >= 0:
        host, port = authority[:colon], authority[colon + 1 :]
    if port:
        if not (port.isascii() and port.isdigit() and int(port) <= 65535):
            return None
        port = "" if int(port) in (80, 443) else f":{int(port)}"
    host = host.lower()
    if not host.isascii() or "%" in host:
        decoded = _punycode(host)
        if decoded is None:
            return None
        host = decoded
    host = host.strip(".")
    if host[:1] == "[" or host[-1:].isdigit():
        address = _public_address(host)
        return None if address is None else address + port
    if not _HOST.fullmatch(host) or host.endswith((".localhost", ".local", ".internal")):
        return None
    labels = _SERVICE_LABELS.match(host)
    if labels:
        host = host[labels.end() :]
    if ".m." in host:  # en.m.wikipedia.org
        host = re.sub(r"(?:\.m)+(?=\.[^.]+\.)", "", host)
    if ".blogspot." in host:  # Blogspot redirects readers to a host of their country
        host = _BLOGSPOT.sub(".blogspot.com", host)
    return rules.same_host.get(host, host) + port


def _punycode(host: str) -> str | None:
    try:
        host = unquote_to_bytes(host.encode()).decode("utf-8")
        return host.encode("idna").decode("ascii").lower()
    except UnicodeError:
        return None


def _public_address(host: str) -> str | None:
    """Return a public IP address in its normal form."""
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return None
    if not address.is_global:
        return None
    return f"[{address}]" if address.version == 6 else str(address)


def _wrapped(parts: _Parts, rules: UrlRules) -> str | None:
    """Return the address that the address of a cache, an archive or a redirect contains, or
    None."""
    host, path, query, fragment = parts
    name = host.partition(":")[0]
    if name.endswith(".translate.goog"):
        original = name.removesuffix(".translate.goog").replace("--", "\0")
        original = original.replace("-", ".").replace("\0", "-")
        return f"//{original}{path}" + (f"?{query}" if query else "")
    wrappers = rules.wrappers.get(name) or rules.wrappers.get(name[name.find(".") :], ())
    if not wrappers:
        return None
    path = _path(path)
    target = path + (f"?{query}" if query else "") + (f"#{fragment}" if fragment else "")
    for wrapper in wrappers:
        match = wrapper.path.fullmatch(target)
        address = match and _address_in(wrapper, match, query)
        if address:
            return address
    return None


def _address_in(wrapper: Wrapper, match: re.Match[str], query: str) -> str | None:
    if wrapper.parameter:
        given = dict(part.partition("=")[::2] for part in reversed(query.split("&")))
        address = next((given[name] for name in wrapper.parameter if given.get(name)), "")
    else:
        address = match[1]
    if wrapper.parameter or wrapper.decode or _CODED_SCHEME.match(address):
        address = unquote_to_bytes(address.encode()).decode("utf-8", "replace")
    if not address.lower().startswith(("http:", "https:", "//")):
        if wrapper.parameter:  # another page with the same parameter name
            return None
        address = f"//{address}"
    if not wrapper.home_page and not _HAS_A_PATH.match(address):
        return None
    return address


def _key(parts: _Parts, rules: UrlRules) -> str | None:
    """Return the normal form of an address that is not a wrapper, after the rewrites of its
    site."""
    for _ in range(4):  # a rewrite can lead to a site with other rules
        host, raw_path, raw_query, raw_fragment = parts
        site = _site(host, rules)
        path = _path(raw_path)
        if site.lower:
            path = _lowered(path, site.lower)
        query = _query(raw_query, site, rules) if raw_query else ""
        fragment = _fragment(path, raw_fragment, site, rules) if raw_fragment else ""
        target = path + query + fragment
        rewritten = _rewritten(host, path, target, site)
        if rewritten == host + target:
            break
        moved = _split(f"//{rewritten}", rules)
        if moved is None:
            return None
        parts = moved
    return f"https://{host}{target}"


def _site(host: str, rules: UrlRules) -> Site:
    if ":" in host:
        host = host[: host.rfind(":")]
    site = rules.sites.get(host)
    dot = host.find(".")
    while site is None and dot >= 0:
        site = rules.sites.get(host[dot:])
        dot = host.find(".", dot + 1)
    return site or _NO_SITE


_NO_SITE = Site()


def _rewritten(host: str, path: str, target: str, site: Site) -> str:
    """Return host and target after the first matching rewrite of the site."""
    for pattern, replacement in site.rewrite:
        match = pattern.fullmatch(target)
        if match:
            new = replacement.format(match[0], *match.groups(""), label=host.partition(".")[0])
            return new[2:] if new.startswith("//") else host + new
    if path[-13:-12] == "-":
        match = _MEDIUM_STORY.search(path)
        if match:
            return f"medium.com/p/{match[1]}"
    return host + target


def _path(path: str) -> str:
    if not _PLAIN.fullmatch(path):
        path = _percent_normal(path.replace("\\", "/"), _PATH_LITERALS)
    while True:
        before = path
        if ";" in path or "/(" in path or "&" in path:
            path = _SESSION.sub("", path)
        if "//" in path:
            path = re.sub("/{2,}", "/", path)
        if "/." in path and _DOT_SEGMENT.search(path):
            path = _without_dot_segments(path)
        if ".amp" in path[-10:]:
            path = _AMP_SUFFIX.sub("", path)
        if path[-1:] in _TAIL_ENDS:
            tail = _TAIL.search(path)
            path = path[: tail.start()] if tail else path
        if path == before:
            return path


_TAIL_ENDS = frozenset("/0lLmMpPxX12345678iI")


def _without_dot_segments(path: str) -> str:
    """RFC 3986, section 5.2.4."""
    kept: list[str] = []
    for segment in path.split("/")[1:]:
        if segment == "..":
            del kept[-1:]
        elif segment != ".":
            kept.append(segment)
    return "".join(f"/{segment}" for segment in kept)


def _lowered(path: str, parts: int) -> str:
    segments = path.split("/")
    segments[1 : parts + 1] = [segment.lower() for segment in segments[1 : parts + 1]]
    return "/".join(segments)


def _query(query: str, site: Site, rules: UrlRules) -> str:
    """Return the parameters that identify the page, sorted, with a leading "?"; "" if none do."""
    kept = set()
    for part in query.split("&"):
        name, _, value = part.partition("=")
        name = _parameter(name)
        low = name.lower()
        if site.keep is not None:
            if low not in site.keep or not value:
                continue
        elif (
            low in rules.drop
            or low in site.drop
            or (low in rules.drop_short and len(value) <= _SHORT)
            or low.startswith(rules.drop_starting)
            or f"{low}={value.lower()}" in rules.drop_pairs
            or (not value and _says_nothing(low))
        ):
            continue
        kept.add(f"{name}={_parameter(value)}" if value else name)
    return "?" + "&".join(sorted(kept)) if kept else ""


_SHORT = 32  # number of characters
_MEANINGLESS = re.compile(
    r"|.|20[0-9]{2,6}|1[0-9]{9}|1[0-9]{12}|hh|hi|hey|hac|new|true|xyz|again|test|stopflagging"
    r"|[a-z]{2}[0-9]{2}(?:hn|lo|lb)"
)


def _says_nothing(name: str) -> bool:
    """Return whether a parameter was added only to submit an address again, such as ?1, ?hi, ?2019
    or a Unix time."""
    return _MEANINGLESS.fullmatch(name) is not None


def _parameter(text: str) -> str:
    if "+" in text:
        text = text.replace("+", "%20")
    if not _PLAIN.fullmatch(text) or "=" in text:
        text = _percent_normal(text, _QUERY_LITERALS)
    return text


def _fragment(path: str, fragment: str, site: Site, rules: UrlRules) -> str:
    """Return the fragment with its "#" if it identifies the page, else ""."""
    if site.fragment is False:
        return ""
    if site.fragment is None and not rules.fragment.fullmatch(f"{path}#{fragment}"):
        return ""
    if not _PLAIN.fullmatch(fragment):
        fragment = _percent_normal(fragment, _PATH_LITERALS | _QUERY_LITERALS)
    fragment = fragment.rstrip("!/")
    return f"#{fragment}" if fragment else ""


def _percent_normal(text: str, literals: frozenset[int]) -> str:
    """Normalise percent-encoding: encode and decode as required. A "%" that encodes nothing becomes
    "%25"."""

    def one(match: re.Match[str]) -> str:
        piece = match[0]
        if len(piece) == 3:
            byte = int(piece[1:], 16)
            return chr(byte) if byte in literals else piece.upper()
        return "%25" if piece == "%" else quote(piece.encode(), safe="?;")

    return _CODED.sub(one, text)
