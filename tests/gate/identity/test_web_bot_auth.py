"""Web Bot Auth: a request counts as signed where everything about its signature is right."""

from __future__ import annotations

import json
import time
from base64 import b64encode, urlsafe_b64encode
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given
from hypothesis import strategies as st

from shiomi.gate.errors import DataError
from shiomi.gate.identity import web_bot_auth
from shiomi.gate.identity.signature_keys import TrustedKey, keys_of, read_keys, thumbprint
from shiomi.gate.identity.user_agents import Client
from shiomi.gate.identity.web_bot_auth import WebBotAuth, parse_dictionary, signature_base
from shiomi.gate.purpose import Purpose
from shiomi.gate.request import Request

VECTORS = Path(__file__).parents[2] / "data" / "gate" / "web-bot-auth"
BOT = Client("Example Bot", Purpose.USER_FETCH)
PRIVATE = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = PRIVATE.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
NOW = 1_735_690_000


def vectors(name: str) -> list[dict[str, Any]]:
    loaded: list[dict[str, Any]] = json.loads((VECTORS / name).read_text(encoding="utf-8"))
    return loaded


def keys(**jwk: object) -> dict[str, TrustedKey]:
    x = urlsafe_b64encode(PUBLIC).rstrip(b"=").decode()
    found = keys_of({"keys": [{"kty": "OKP", "crv": "Ed25519", "x": x, **jwk}]}, BOT, where="here")
    return {key.thumbprint: key for key in found}


KEYS = keys()
(KEY_ID,) = KEYS


def auth(now: float = NOW, **options: Any) -> WebBotAuth:
    return WebBotAuth(options.pop("keys", KEYS), clock=lambda: now, **options)


def signed(
    components: str = '("@authority")',
    *,
    label: str = "sig1",
    created: object = NOW - 10,
    expires: object = NOW + 300,
    more: str = "",
    tag: str = "web-bot-auth",
    keyid: str = KEY_ID,
    headers: tuple[tuple[str, str], ...] = (),
    target: str = "/path?query=1",
    host: str = "Example.COM:80",
    method: str = "GET",
) -> Request:
    """A request with a good signature over these components."""
    covered = f'{components};created={created};expires={expires};keyid="{keyid}";tag="{tag}"{more}'
    bare = [("Host", host), *headers]
    member = parse_dictionary(f"{label}={covered}")[label]
    base = signature_base(Request.make(target, method=method, headers=bare), member)
    signature = b64encode(PRIVATE.sign(base.encode("latin-1"))).decode()
    bare += [("Signature-Input", f"{label}={covered}"), ("Signature", f"{label}=:{signature}:")]
    return Request.make(target, method=method, headers=bare)


def changed(request: Request, **headers: str) -> Request:
    new = dict(request.headers)
    for name, value in headers.items():
        new[name.replace("_", "-").encode()] = value.encode("latin-1")
    return request._replace(headers=new, host=new[b"host"].decode())


@pytest.mark.parametrize("vector", vectors("web_bot_auth_architecture_v1.json"))
def test_the_drafts_own_vectors_are_good_until_they_expire(vector: dict[str, Any]) -> None:
    (key,) = keys_of({"keys": [vector["key"]]}, BOT, where="vector")
    headers = [
        ("Host", "example.com"),
        ("Signature-Input", vector["signature_input"]),
        ("Signature", vector["signature"]),
    ]
    if "signature_agent" in vector:
        headers.append(("Signature-Agent", vector["signature_agent"]))
    request = Request.make("/path/to/resource", headers=headers, scheme="https")
    created, expires = vector["created_ms"] / 1000, vector["expires_ms"] / 1000
    trusted = {key.thumbprint: key}
    assert auth(created, keys=trusted).signer(request) is BOT
    assert auth(expires, keys=trusted).signer(request) is BOT
    assert auth(created - 3600, keys=trusted).signer(request) is None
    assert auth(expires + 3600, keys=trusted).signer(request) is None
    assert auth(created).signer(request) is None, "somebody else's key is none"
    assert auth(created, keys=trusted).signer(changed(request, host="example.org")) is None


@pytest.mark.parametrize("vector", vectors("web_bot_auth_signature_agent_card_v1.json"))
def test_the_drafts_cards_are_taken_or_refused_as_the_draft_says(
    vector: dict[str, Any], tmp_path: Path
) -> None:
    """A card that only points at its keys is valid, and refused here: nothing is fetched."""
    (tmp_path / "Example Bot.json").write_text(json.dumps(vector["card"]), encoding="utf-8")
    if vector["valid"] and "jwks" in vector["card"]:
        (key,) = read_keys(tmp_path, [BOT]).values()
        assert key.client is BOT
    else:
        with pytest.raises(DataError, match="Example Bot"):
            read_keys(tmp_path, [BOT])


def test_a_thumbprint_is_that_of_the_standard() -> None:
    """RFC 8037, A.3."""
    jwk = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
    assert thumbprint(jwk) == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


@pytest.mark.parametrize(
    "good",
    [
        signed(),
        signed('("@target-uri" "@method" "@path" "@query" "@request-target" "@scheme")'),
        signed('("@authority")', target="/"),
        signed('("@authority" "signature-agent")', headers=(("Signature-Agent", '"https://a.test"'),)),
        signed('("@authority" "signature-agent";key="sig1")',
               headers=(("Signature-Agent", 'sig1="https://a.test";type=cimd, b="x"'),)),
        signed('("@authority" "user-agent")', headers=(("User-Agent", "  Bot \xe9 "),)),
        signed(more=';nonce="x";alg="ed25519"'),
    ],
)  # fmt: skip
def test_a_good_signature_says_who_sent_the_request(good: Request) -> None:
    assert auth().signer(good) is BOT


@pytest.mark.parametrize(
    "bad",
    [
        changed(signed(), host="other.example"),
        changed(signed('("@authority" "x-a")', headers=(("X-A", "a"),)), x_a="b"),
        signed()._replace(method="POST", headers=signed('("@authority" "@method")').headers),
        signed(tag="other"),
        signed(keyid="unknown"),
        signed("()"),
        signed('("@method")'),
        signed(headers=(("Signature-Agent", '"https://a.test"'),)),  # sent, and not covered
        signed(created='"1735690000"'),
        signed(created=NOW + 3600, expires=NOW + 7200),
        signed(created=NOW - 7200, expires=NOW - 3600),
        signed(created=NOW - 10, expires=NOW + 10 * 86_400),
        signed(created=NOW, expires=NOW),
        signed(more=';alg="rsa-pss-sha512"'),
        signed(more=";created=1"),
        changed(signed(), signature="sig1=:AAAA:"),
        changed(signed(), signature="sig1=?1"),
        changed(signed(), signature="other=:AAAA:"),
        changed(signed(), signature=""),
        changed(signed(), signature_input='sig1="@authority"'),
        changed(signed(), signature_input='sig1=("@authority" @1 1.5 x);tag="web-bot-auth"'),
    ],
)  # fmt: skip
def test_a_signature_with_anything_wrong_says_nothing(bad: Request) -> None:
    assert auth().signer(bad) is None


@pytest.mark.parametrize(
    "components",
    [
        '("@authority" "missing")', '("@authority" "@authority")', '("@authority" "@unknown")',
        '("@authority" "Host")', '("@authority" "host";sf)', '("@authority";req)',
        '("@authority" "host";key="x")', "(" + " ".join(f'"h{n}"' for n in range(50)) + ")",
    ],
)  # fmt: skip
def test_a_component_that_is_not_known_makes_no_signature(components: str) -> None:
    written = (
        f'sig1={components};created={NOW - 1};expires={NOW + 1};keyid="{KEY_ID}";tag="web-bot-auth"'
    )
    assert auth().signer(changed(signed(), signature_input=written)) is None


@pytest.mark.parametrize("times", [{"nbf": NOW + 3600}, {"exp": NOW - 3600}])
def test_a_key_that_is_not_yet_or_no_longer_good_signs_nothing(times: dict[str, int]) -> None:
    assert auth(keys=keys(**times)).signer(signed()) is None
    assert auth(keys=keys(nbf=NOW - 1, exp=NOW + 1)).signer(signed()) is BOT


def test_good_signatures_are_remembered_in_bounded_memory_and_bad_ones_not_at_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(web_bot_auth, "_REMEMBERED", 2)
    gate = auth()
    for number in range(5):
        assert gate.signer(signed(more=f';nonce="{number}"')) is BOT
    assert len(gate._good) == 2
    gate = auth()
    gate.signer(changed(signed(), signature="sig1=:AAAA:"))
    assert not gate._good


@given(
    st.text(alphabet=st.characters(max_codepoint=255), max_size=200),
    st.text(alphabet=st.characters(max_codepoint=255), max_size=200),
)
def test_no_header_is_too_odd(inputs: str, signature: str) -> None:
    assert auth().signer(changed(signed(), signature_input=inputs, signature=signature)) is None


@pytest.mark.parametrize("size", [8193, 100_000])
def test_a_header_of_100_kilobytes_is_not_read(size: int) -> None:
    assert auth().signer(changed(signed(), signature_input="sig1=(" + '"a" ' * size)) is None


@pytest.mark.parametrize(
    ("document", "says"),
    [
        ("", "not valid JSON"),
        ("[" * 100_000, "not valid JSON"),
        ("[]", "must be an object"),
        ("{}", "no list of keys"),
        ('{"keys": 3}', "no list of keys"),
        ('{"jwks_uri": "https://a.test/keys"}', "never fetched"),
        ('{"keys": [3]}', "key 1"),
        ('{"keys": [{"kty": "OKP", "crv": "Ed25519"}]}', "key 1"),
        ('{"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "AAAA"}]}', "key 1"),
        ('{"keys": [{"kty": "OKP", "crv": "Ed25519", "x": 3}]}', "key 1"),
        ('{"keys": [], "gate-purpose": "world domination"}', "world domination"),
    ],
)
def test_a_file_of_keys_that_is_none_is_named(tmp_path: Path, document: str, says: str) -> None:
    (tmp_path / "Example Bot.json").write_text(document, encoding="utf-8")
    with pytest.raises(DataError, match="Example Bot") as caught:
        read_keys(tmp_path, [BOT])
    assert says in str(caught.value)


def test_a_file_names_a_client_of_the_patterns_or_says_what_its_own_is_for(tmp_path: Path) -> None:
    (tmp_path / "example bot.json").write_text('{"keys": []}', encoding="utf-8")
    assert read_keys(tmp_path, [BOT]) == {}
    (tmp_path / "stranger.json").write_text('{"keys": []}', encoding="utf-8")
    with pytest.raises(DataError, match="gate-purpose"):
        read_keys(tmp_path, [BOT])
    jwk = vectors("web_bot_auth_architecture_v1.json")[2]["key"]
    (tmp_path / "stranger.json").write_text(
        json.dumps({"keys": [jwk], "gate-purpose": "link-preview"}), encoding="utf-8"
    )
    (key,) = read_keys(tmp_path, [BOT]).values()
    assert key.client == Client("stranger", Purpose.LINK_PREVIEW)


def test_the_clock_is_the_machines_where_none_is_given() -> None:
    now = int(time.time())
    assert WebBotAuth(KEYS).signer(signed(created=now - 1, expires=now + 60)) is BOT
