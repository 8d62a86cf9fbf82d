"""Output as text, JSON and HTML pages. All wording for users is in this package."""
