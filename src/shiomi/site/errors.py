"""The errors of the site, as one tree.

DigestError
├── SiteError        the site cannot be started
└── BadRequestError  a client asked for something that is not allowed
"""

from shiomi.digest.errors import DigestError

__all__ = ["BadRequestError", "SiteError"]


class SiteError(DigestError):
    """The site cannot be started; the text names the value and the remedy."""


class BadRequestError(DigestError):
    """A client asked for something that is not allowed; the text names the field and the value.

    The interface shows the phrase `site.bad_KEY` of its language, filled with `slots`.
    """

    def __init__(self, text: str, key: str, **slots: object) -> None:
        super().__init__(text)
        self.key = key
        self.slots = slots
