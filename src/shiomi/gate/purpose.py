"""Purpose: what a client fetches pages for. A policy sets an action for each."""

from enum import StrEnum

__all__ = ["AI_PURPOSES", "Purpose"]


class Purpose(StrEnum):
    """The purpose of a client, as the policy file names it."""

    AI_TRAINING = "ai-training"  # gathers text for the training of models, or to sell it for that
    AI_SEARCH = "ai-search"  # indexes pages for answers that a model gives
    USER_FETCH = "user-fetch"  # fetches one page because a person asked an assistant about it
    SEARCH_ENGINE = "search-engine"  # indexes pages to send readers to them
    MIXED = "mixed"  # one crawler for a search engine and for AI: Applebot, Baiduspider, PetalBot
    LINK_PREVIEW = "link-preview"  # title and picture of a link somebody posted
    ARCHIVE = "archive"  # keeps pages for later, in public
    FEED_READER = "feed-reader"  # polls RSS and Atom
    MONITOR = "monitor"  # asks whether a site is up
    TOOL = "tool"  # git, docker, pip, apt, npm, ...; let in only by a path rule
    LIBRARY = "library"  # HTTP libraries, other robots and unknown clients
    BROWSER = "browser"  # claims to be a browser that a person uses


AI_PURPOSES = (Purpose.AI_TRAINING, Purpose.AI_SEARCH, Purpose.USER_FETCH)
"""The purposes of clients that fetch pages for a language model."""
