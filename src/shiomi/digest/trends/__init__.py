"""Trends: themes that several stories of a week share, more than in the weeks before."""

from shiomi.digest.trends.trends import TrendEvidence, find_trends

__all__ = ["TrendEvidence", "find_trends"]
