"""Only addresses of the public network are asked for."""

from __future__ import annotations

import pytest

from shiomi.digest.sources.public_address import (
    PrivateAddressError,
    UnresolvedError,
    public_address,
    refuse_private,
    resolve,
)

from .community import Community, html


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "192.168.1.1", "172.16.0.1", "169.254.169.254", "100.64.0.1",
        "0.0.0.0", "224.0.0.1", "255.255.255.255", "::1", "fe80::1%eth0", "fc00::1", "::",
        "::ffff:127.0.0.1", "2002:7f00:1::", "no address",
        "64:ff9b::127.0.0.1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::808:808", "::10.0.0.1",
        "::192.168.1.1",
    ],
)  # fmt: skip
def test_a_host_with_a_private_address_is_refused(address: str) -> None:
    with pytest.raises(PrivateAddressError, match="public network"):
        refuse_private("https://example.org/", lambda _: ["93.184.216.34", address])


def test_a_host_with_only_public_addresses_passes() -> None:
    refuse_private(
        "https://example.org:8443/a",
        lambda _: ["93.184.216.34", "2606:4700::1", "64:ff9b::8.8.8.8"],
    )


@pytest.mark.parametrize(
    "url",
    ["file:///etc/passwd", "ftp://example.org/", "https://", "http://[::1", "http://a:b:c/", ""],
)
def test_what_is_no_web_address_is_refused(url: str) -> None:
    with pytest.raises(PrivateAddressError):
        refuse_private(url, lambda _: ["93.184.216.34"])


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]", "127.1", "0x7f000001"])
def test_the_own_machine_is_refused_by_any_of_its_names(host: str) -> None:
    with pytest.raises(PrivateAddressError):
        refuse_private(f"http://{host}:8080/admin", resolve)


def test_a_name_that_cannot_be_looked_up_is_not_asked_for_now() -> None:
    def offline(_: str) -> list[str]:
        raise OSError("no network")

    with pytest.raises(UnresolvedError, match=r"no network.*next time"):
        refuse_private("https://example.org/", offline)


def test_a_name_that_turns_private_at_the_connect_is_never_asked(community: Community) -> None:
    port = community.url.rpartition(":")[2]
    looked_up: list[str] = []

    def rebinding(host: str) -> list[str]:
        looked_up.append(host)
        return ["93.184.216.34"] if len(looked_up) == 1 else ["127.0.0.1"]

    refuse_private(f"http://rebind.example:{port}/", rebinding)
    with community.http("articles") as http:
        http.pin(lambda host: public_address(host, rebinding))
        with pytest.raises(PrivateAddressError, match=r"127\.0\.0\.1"):
            http.get(f"http://rebind.example:{port}/a")
    assert community.asked == []


def test_the_connection_goes_to_the_address_that_was_checked(community: Community) -> None:
    community.routes["/a"] = html("an article")
    port = community.url.rpartition(":")[2]
    with community.http("articles") as http:
        http.pin(lambda host: "127.0.0.1")
        assert http.get(f"http://no-such-name.example:{port}/a").body == b"an article"
    (asked,) = community.asked
    assert asked.headers["host"] == f"no-such-name.example:{port}"
