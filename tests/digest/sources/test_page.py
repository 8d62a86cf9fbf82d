"""What a page shows and what it is made of."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from shiomi.digest.sources.page import look_at, words_in


def test_only_what_a_reader_sees_is_text() -> None:
    page = look_at(
        "<!doctype html><html><head><title>A &amp; B</title><style>p{}</style></head><body>"
        "<!-- no --><p>One<b>two</b></p><p>three &lt;four</p><script>var five;</script>"
        "<noscript><p>six</p></noscript><template>seven</template><textarea>eight</textarea></body>"
    )
    assert page.title == "A & B"
    assert page.text == "Onetwo three <four"
    assert page.noscript == "six"
    assert "var five" in page.code
    assert page.words == 3


def test_code_holds_attributes_and_scripts_but_nothing_that_is_read() -> None:
    page = look_at('<p id="here" title="a > b">_cf_chl_opt</p><script src="/x.js"></script>')
    assert 'id="here"' in page.code
    assert '"/x.js"' in page.code
    assert "_cf_chl_opt" not in page.code


def test_an_angle_bracket_that_begins_no_tag_is_text() -> None:
    assert look_at("<p>a < b and c <3</p>").text == "a < b and c <3"


def test_two_characters_of_an_unspaced_script_count_as_a_word() -> None:
    assert words_in("お茶の話") == 2
    assert words_in("it's a well-known word") == 4


@given(st.text(alphabet="<>/=\"' apscriptnoe!-&;"))
def test_any_markup_is_read(html: str) -> None:
    page = look_at(html)
    assert page.words == words_in(page.text)
