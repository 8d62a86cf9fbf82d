"""Errors of the site.

DigestError
├── SiteError        the site cannot be started
└── BadRequestError  a client asked for something that is not allowed
"""

from shiomi.digest.errors import DigestError

__all__ = ["BadRequestError", "SiteError"]


class SiteError(DigestError):
    """The site cannot be started; the text names the value and the remedy."""


class BadRequestError(DigestError):
    """A client asked for something that is not allowed; the text names the field and the value."""
