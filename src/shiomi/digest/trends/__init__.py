"""Trends: themes that run through several stories of a week more than through the weeks before."""

from shiomi.digest.trends.trends import TrendEvidence, find_trends

__all__ = ["TrendEvidence", "find_trends"]
