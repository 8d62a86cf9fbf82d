"""Text, JSON and pages; the only place with wording."""
