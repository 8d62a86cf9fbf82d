"""Render a digest as Markdown, HTML, feeds and JSON. Pure: it returns text and writes no files."""

from shiomi.digest.render.feeds import render_atom, render_json_feed
from shiomi.digest.render.html import render_html, render_index
from shiomi.digest.render.markdown import render_markdown
from shiomi.digest.render.site import render_site
from shiomi.digest.render.structured import render_json

__all__ = [
    "render_atom",
    "render_html",
    "render_index",
    "render_json",
    "render_json_feed",
    "render_markdown",
    "render_site",
]
