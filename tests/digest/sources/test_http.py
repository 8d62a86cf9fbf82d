"""The polite client."""

from __future__ import annotations

import gzip
from email.utils import formatdate

import pytest

import shiomi
from shiomi.digest.errors import ConfigError, SourceError
from shiomi.digest.sources.answer import Answer, UnusableAnswerError, WebPageError
from shiomi.digest.sources.http import (
    RefusedError,
    StoppedError,
    UnreachableError,
    new_client,
    user_agent,
)
from shiomi.digest.sources.manners import Manners

from .community import Asked, Community, Reply, html, json_reply, running


def test_every_request_says_who_asks_and_how_to_reach_them(community: Community) -> None:
    community.routes["/"] = json_reply({})
    with community.http() as http:
        http.get(f"{community.url}/")
    agent = community.asked[0].headers["user-agent"]
    assert agent == f"shiomi/{shiomi.__version__} (+https://example.org/contact)"


def test_without_a_contact_the_user_agent_is_still_honest() -> None:
    assert user_agent("") == f"shiomi/{shiomi.__version__}"


@pytest.mark.parametrize("contact", ["a\r\nX-Evil: 1", "私@example.org", "tab\there"])
def test_a_contact_that_cannot_stand_in_a_header_is_refused(contact: str) -> None:
    with pytest.raises(ConfigError, match="contact"):
        user_agent(contact)


def test_requests_to_one_host_keep_the_stated_interval(community: Community) -> None:
    community.routes["/"] = json_reply({})
    with community.http(manners=Manners(interval=3.0)) as http:
        for _ in range(3):
            http.get(f"{community.url}/")
    assert community.clock.slept == [3.0, 3.0]


def test_all_requests_of_a_client_share_one_connection(community: Community) -> None:
    community.routes["/"] = json_reply({})
    with community.http() as http:
        for _ in range(4):
            http.get(f"{community.url}/")
    assert len({asked.connection for asked in community.asked}) == 1


def test_a_429_waits_as_long_as_retry_after_says_in_seconds(community: Community) -> None:
    community.routes["/"] = [json_reply({}, 429, Retry_After="17"), json_reply({"a": 1})]
    with community.http() as http:
        assert http.get_json(f"{community.url}/") == {"a": 1}
    assert 17.0 <= sum(community.clock.slept) <= 18.0


def test_a_503_waits_as_long_as_retry_after_says_as_a_date(community: Community) -> None:
    when = formatdate(community.clock.now + 90, usegmt=True)
    community.routes["/"] = [json_reply({}, 503, Retry_After=when), json_reply({"a": 1})]
    with community.http() as http:
        assert http.get_json(f"{community.url}/") == {"a": 1}
    assert 90.0 <= sum(community.clock.slept) <= 91.0


def test_a_retry_after_past_the_time_budget_ends_the_source_at_once(community: Community) -> None:
    community.routes["/"] = json_reply({"message": "Too Many Requests"}, 429, Retry_After="4000")
    with community.http() as http:
        with pytest.raises(UnreachableError, match=r"Too Many Requests.*time budget"):
            http.get(f"{community.url}/")
        with pytest.raises(UnreachableError, match="asked to be left alone"):
            http.get(f"{community.url}/other")
    assert community.clock.slept == []
    assert len(community.asked) == 1


def test_a_host_that_asked_to_be_left_alone_is_left_alone_by_the_next_run(
    community: Community,
) -> None:
    host = community.url.removeprefix("http://")
    with (
        community.http(blocked={host: community.clock.now + 4000}) as http,
        pytest.raises(UnreachableError, match="asked to be left alone"),
    ):
        http.get(f"{community.url}/")
    assert community.asked == []


def test_waits_between_attempts_double_and_carry_jitter(community: Community) -> None:
    community.routes["/"] = json_reply({}, 500)
    with community.http(manners=Manners(attempts=6)) as http, pytest.raises(UnreachableError):
        http.get(f"{community.url}/")
    for wait, full in zip(community.clock.slept, [1, 2, 4, 8, 16], strict=True):
        assert full / 2 <= wait <= full


def test_the_error_after_the_last_attempt_names_address_status_and_remedy(
    community: Community,
) -> None:
    community.routes["/x"] = json_reply({"message": "Internal Server Error", "error": 500}, 500)
    with community.http("reddit") as http, pytest.raises(UnreachableError) as caught:
        http.get(f"{community.url}/x?secret=1")
    assert str(caught.value) == (
        f"reddit: GET {community.url}/x: answered 500: Internal Server Error, 4 times; "
        "collecting again later goes on where this stopped"
    )


def test_retries_have_a_budget_so_that_trouble_makes_no_storm(community: Community) -> None:
    community.routes["/"] = json_reply({}, 503)
    with community.http(manners=Manners(retries=3, failures=100)) as http:
        for _ in range(20):
            with pytest.raises(UnreachableError):
                http.get(f"{community.url}/")
    assert http.retries <= 3 + len(community.asked) // 10
    assert len(community.asked) <= 20 + 3 + len(community.asked) // 10


def test_a_host_that_keeps_failing_is_left_alone(community: Community) -> None:
    community.routes["/"] = json_reply({}, 503)
    with community.http(manners=Manners(attempts=1, failures=3)) as http:
        for _ in range(10):
            with pytest.raises(UnreachableError):
                http.get(f"{community.url}/")
        with pytest.raises(UnreachableError, match="failed 3 requests in a row"):
            http.get(f"{community.url}/")
    assert len(community.asked) == 3


def test_one_answer_closes_the_circuit_again(community: Community) -> None:
    community.routes["/bad"] = json_reply({}, 503)
    community.routes["/good"] = json_reply({})
    with community.http(manners=Manners(attempts=1, failures=2)) as http:
        for _ in range(5):
            with pytest.raises(UnreachableError):
                http.get(f"{community.url}/bad")
            http.get(f"{community.url}/good")
    assert len(community.asked) == 10


def test_the_time_budget_ends_a_source_that_would_go_on(community: Community) -> None:
    community.routes["/"] = json_reply({})
    with community.http(budget_seconds=10.0, manners=Manners(interval=3.0)) as http:
        for _ in range(4):
            http.get(f"{community.url}/")
        with pytest.raises(UnreachableError, match=r"time budget of 10 s .* is spent"):
            http.get(f"{community.url}/")
    assert len(community.asked) == 4


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 410, 418])
def test_a_refusal_is_not_asked_again(community: Community, status: int) -> None:
    community.routes["/"] = json_reply({"error": status}, status)
    with community.http() as http, pytest.raises(RefusedError, match=str(status)) as caught:
        http.get(f"{community.url}/")
    assert caught.value.status == status
    assert len(community.asked) == 1


def test_a_refusal_quotes_the_words_of_a_page_without_its_markup(community: Community) -> None:
    community.routes["/"] = html("<html><body><h1>400 Bad request</h1>\n<p>Invalid.</p>", 400)
    with community.http() as http, pytest.raises(RefusedError, match=r"400: 400 Bad request Inv"):
        http.get(f"{community.url}/")


def test_what_remains_of_a_rate_limit_is_spread_over_its_window(community: Community) -> None:
    limit = {"x_ratelimit_used": "4", "x_ratelimit_remaining": "596.0", "x_ratelimit_reset": "432"}
    community.routes["/"] = json_reply({}, 200, **limit)
    with community.http() as http:
        http.get(f"{community.url}/")
        http.get(f"{community.url}/")
    assert community.clock.slept == [pytest.approx(432 / 596)]


def test_a_spent_rate_limit_is_waited_for(community: Community) -> None:
    spent = {"x_ratelimit_remaining": "0.0", "x_ratelimit_reset": "120"}
    community.routes["/"] = [json_reply({}, 200, **spent), json_reply({})]
    with community.http() as http:
        http.get(f"{community.url}/")
        http.get(f"{community.url}/")
    assert community.clock.slept == [120.0]


def test_validators_are_sent_back_and_an_unchanged_page_is_not_sent_again(
    community: Community,
) -> None:
    def page(asked: Asked) -> Reply:
        if asked.headers.get("if-none-match") == '"v1"':
            assert asked.headers["if-modified-since"] == "Tue, 24 Nov 2026 00:00:00 GMT"
            return Reply(status=304)
        return json_reply([1], ETag='"v1"', Last_Modified="Tue, 24 Nov 2026 00:00:00 GMT")

    community.routes["/"] = page
    with community.http() as http:
        assert http.get(f"{community.url}/", conditional=True).json() == [1]
        kept = http.validators
    with community.http(validators=kept) as http:
        again = http.get(f"{community.url}/", conditional=True)
        assert again.not_modified
        assert not http.get(f"{community.url}/").not_modified
    assert len(community.asked) == 3


def test_a_redirect_is_followed(community: Community) -> None:
    community.routes["/a"] = Reply(status=301, headers=(("Location", "/b"),))
    community.routes["/b"] = json_reply({"b": 1})
    with community.http() as http:
        assert http.get_json(f"{community.url}/a") == {"b": 1}


def test_a_redirect_loop_ends(community: Community) -> None:
    community.routes["/a"] = Reply(status=302, headers=(("Location", "/b"),))
    community.routes["/b"] = Reply(status=302, headers=(("Location", "/a"),))
    with community.http() as http, pytest.raises(RefusedError, match="more than 5 redirects"):
        http.get(f"{community.url}/a")
    assert len(community.asked) == 6


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://example.org/", "gopher://x"])
def test_a_redirect_out_of_the_web_is_not_followed(community: Community, target: str) -> None:
    community.routes["/a"] = Reply(status=302, headers=(("Location", target),))
    with community.http() as http, pytest.raises(SourceError):
        http.get(f"{community.url}/a")


def test_a_redirect_to_another_host_does_not_carry_the_credentials(community: Community) -> None:
    with running(Community()) as other:
        other.routes["/b"] = json_reply({})
        community.routes["/a"] = Reply(status=302, headers=(("Location", f"{other.url}/b"),))
        with community.http() as http:
            http.get(f"{community.url}/a", headers={"Authorization": "bearer t0ken"})
        assert "authorization" in community.asked[0].headers
        assert "authorization" not in other.asked[0].headers
        assert other.asked[0].headers["user-agent"].startswith("shiomi/")


def test_every_hop_of_a_redirect_is_vetted(community: Community) -> None:
    def vet(url: str) -> None:
        if "/inside" in url:
            raise SourceError("not there")

    community.routes["/a"] = Reply(status=302, headers=(("Location", "/inside"),))
    with community.http(vet=vet) as http, pytest.raises(SourceError, match="not there"):
        http.get(f"{community.url}/a")
    assert community.paths() == ["/a"]


def test_a_gzipped_answer_is_unpacked(community: Community) -> None:
    community.routes["/"] = Reply(
        gzip.compress(b'{"a": 1}'), headers=(("Content-Encoding", "gzip"),)
    )
    with community.http() as http:
        assert http.get_json(f"{community.url}/") == {"a": 1}


def test_a_gzip_that_is_damaged_is_asked_again(community: Community) -> None:
    packed = (("Content-Encoding", "gzip"),)
    community.routes["/"] = [
        Reply(b"\x1f\x8b\x08\x00 no gzip", headers=packed),
        Reply(gzip.compress(b"[]"), headers=packed),
    ]
    with community.http() as http:
        assert http.get_json(f"{community.url}/") == []


def test_a_huge_answer_is_not_read(community: Community) -> None:
    community.routes["/"] = Reply(b"x" * 200_000)
    with (
        community.http(manners=Manners(bytes=100_000)) as http,
        pytest.raises(RefusedError, match=r"larger than 100,000 bytes"),
    ):
        http.get(f"{community.url}/")


def test_a_small_answer_that_unpacks_to_a_huge_one_is_not_read(community: Community) -> None:
    bomb = gzip.compress(b"0" * 50_000_000)
    community.routes["/"] = Reply(bomb, headers=(("Content-Encoding", "gzip"),))
    with community.http() as http, pytest.raises(RefusedError, match="larger than"):
        http.get(f"{community.url}/")


@pytest.mark.parametrize(
    "fault",
    [
        Reply(b'{"a": [1, 2', length=500),  # cut on the way
        Reply(b'{"a": [1, 2'),  # cut at the source
        Reply(reset=True),
        Reply(b""),
        Reply(b"\xff\xfe\x00"),
        Reply(b"NaN"),
        Reply(b"[" * 100_000),
        json_reply({}, 500),
        json_reply({}, 502),
        json_reply({}, 504),
        json_reply({}, 429),
        html("<h1>Cloudflare: web server is down</h1>", 521),
    ],
)
def test_a_passing_fault_is_asked_again(community: Community, fault: Reply) -> None:
    community.routes["/"] = [fault, json_reply({"a": 1})]
    with community.http() as http:
        assert http.get_json(f"{community.url}/") == {"a": 1}
    assert len(community.asked) == 2


@pytest.mark.parametrize("status", [200, 203])
def test_a_page_where_data_was_expected_is_named_and_not_asked_again(
    community: Community, status: int
) -> None:
    community.routes["/"] = html("<!doctype html><title>Just a moment...</title>", status)
    with community.http() as http, pytest.raises(WebPageError, match="Just a moment"):
        http.get_json(f"{community.url}/")
    assert len(community.asked) == 1


def test_a_wall_is_named(community: Community) -> None:
    anubis = (
        "<!doctype html><title>Making sure you&#39;re not a bot!</title>"
        '<link rel="stylesheet" href="/.within.website/x/cmd/anubis/static/css/x.css">'
        '<script id="anubis_challenge" type="application/json">{}</script><p>Loading...'
    )
    community.routes["/ok"] = html(anubis)
    community.routes["/no"] = html(anubis, 403)
    with community.http() as http:
        with pytest.raises(WebPageError, match="bot wall: Anubis"):
            http.get_json(f"{community.url}/ok")
        with pytest.raises(RefusedError, match="bot wall: Anubis"):
            http.get_json(f"{community.url}/no")


def test_a_server_that_drips_its_answer_is_left(community: Community) -> None:
    community.routes["/"] = Reply(b"x" * 10_000, drip=0.02)
    with (
        community.http(manners=Manners(seconds=0.2, attempts=1)) as http,
        pytest.raises(UnreachableError, match="took longer than"),
    ):
        http.get(f"{community.url}/")


def test_a_server_that_drips_its_headers_is_left(community: Community) -> None:
    community.routes["/"] = Reply(drip_head=0.02)
    with (
        community.http(manners=Manners(seconds=0.2, attempts=1)) as http,
        pytest.raises(UnreachableError, match="took longer than"),
    ):
        http.get(f"{community.url}/")


def test_a_connection_kept_alive_is_watched_too(community: Community) -> None:
    community.routes["/fast"] = json_reply({})
    community.routes["/slow"] = Reply(drip_head=0.02)
    with community.http(manners=Manners(seconds=0.3, attempts=1)) as http:
        http.get(f"{community.url}/fast")
        with pytest.raises(UnreachableError, match="took longer than"):
            http.get(f"{community.url}/slow")
        assert http.get_json(f"{community.url}/fast") == {}


def test_nobody_listening_is_an_error_that_names_the_address() -> None:
    silent = Community(url="http://127.0.0.1:1")
    with (
        silent.http() as http,
        pytest.raises(UnreachableError, match=r"127\.0\.0\.1:1.*Connect.*the network"),
    ):
        http.get(f"{silent.url}/")


@pytest.mark.parametrize(
    "url", ["", "no url", "http://", "ftp://x/", "http://[::1", "http://x:99999/", "http://a\x00b/"]
)
def test_an_address_that_is_none_is_refused(community: Community, url: str) -> None:
    with community.http() as http, pytest.raises(SourceError):
        http.get(url)


def test_the_reader_can_stop_between_requests(community: Community) -> None:
    community.routes["/"] = json_reply({})
    with community.http(stopped=lambda: len(community.asked) >= 2) as http:
        for _ in range(2):
            http.get(f"{community.url}/")
        with pytest.raises(StoppedError, match="interrupted after 2 requests"):
            http.get(f"{community.url}/")


def test_no_cookie_is_kept(community: Community) -> None:
    community.routes["/"] = json_reply({}, Set_Cookie="id=1; Path=/")
    with community.http() as http:
        http.get(f"{community.url}/")
        http.get(f"{community.url}/")
    assert all("cookie" not in asked.headers for asked in community.asked)


def test_a_wrong_content_type_does_not_hide_json(community: Community) -> None:
    community.routes["/"] = Reply(b'{"a": 1}', headers=(("Content-Type", "text/html"),))
    with community.http() as http:
        assert http.get_json(f"{community.url}/") == {"a": 1}


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ('{"t": "café"}'.encode(), "application/json"),
        (b"\xef\xbb\xbf" + '{"t": "café"}'.encode(), "application/json"),
        ('{"t": "café"}'.encode("latin-1"), "application/json; charset=iso-8859-1"),
        ('{"t": "café"}'.encode("latin-1"), "application/json"),
        ('{"t": "café"}'.encode("utf-16"), "application/json; charset=utf-8"),
        ('{"t": "café"}'.encode("cp1252"), "application/json; charset=no-such-charset"),
    ],
)
def test_text_in_a_wrong_encoding_is_read_as_what_it_is(body: bytes, content_type: str) -> None:
    answer = Answer("http://x/", 200, {"content-type": content_type}, body, 0)
    assert answer.json() == {"t": "café"}


def test_parse_may_ask_for_the_answer_again(community: Community) -> None:
    community.routes["/"] = [json_reply([]), json_reply([]), json_reply([1])]

    def parse(answer: Answer) -> object:
        if not answer.json():
            raise UnusableAnswerError("empty")
        return answer.json()

    with community.http() as http:
        assert http.fetch(f"{community.url}/", parse) == [1]


def test_a_new_client_follows_no_redirect_by_itself() -> None:
    with new_client(trust_env=False) as client:
        assert not client.follow_redirects


def test_an_error_shows_no_escape_sequence_of_the_answer(community: Community) -> None:
    evil = "\x1b]0;x\x07 go \u202e away \x9b31m"
    community.routes["/json"] = json_reply({"message": evil}, 400)
    community.routes["/text"] = Reply(evil.encode(), 400, (("Content-Type", "text/plain"),))
    community.routes["/moved"] = Reply(status=302, headers=(("Location", "/%1b%5b31m"),))
    with community.http() as http:
        for path in ("/json", "/text", "/moved"):
            with pytest.raises(RefusedError) as caught:
                http.get(f"{community.url}{path}")
            assert str(caught.value).isprintable()


def test_a_header_of_megabytes_is_not_read(community: Community) -> None:
    community.routes["/"] = Reply(b"", headers=(("X-Long", "x" * 2_000_000),))
    with (
        community.http(manners=Manners(attempts=1)) as http,
        pytest.raises(UnreachableError, match="Receive buffer too long"),
    ):
        http.get(community.url)
