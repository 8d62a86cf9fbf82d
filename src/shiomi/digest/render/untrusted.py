"""What every format does to text and addresses from the network; see `shiomi.digest.untrusted`."""

from shiomi.digest.untrusted import clean, language_of, safe_link, shorten

__all__ = ["clean", "language_of", "safe_link", "shorten"]
