"""Ranking: which stories lead a week, by engagement made comparable across communities."""

from shiomi.digest.ranking.engagement import Engagement, Standing
from shiomi.digest.ranking.ranking import Ranked, explain, leading, rank
from shiomi.digest.ranking.window import ThreadSource, Window, read_window

__all__ = [
    "Engagement",
    "Ranked",
    "Standing",
    "ThreadSource",
    "Window",
    "explain",
    "leading",
    "rank",
    "read_window",
]
