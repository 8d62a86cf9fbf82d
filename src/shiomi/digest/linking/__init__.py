"""Story link detection: which threads of which communities are about the same thing."""

from shiomi.digest.linking.canonical_url import canonical_url
from shiomi.digest.linking.linker import Linker
from shiomi.digest.linking.pending import LinkReport, link_pending
from shiomi.digest.linking.reasons import TieReason, reasons
from shiomi.digest.linking.stories import stories

__all__ = [
    "LinkReport",
    "Linker",
    "TieReason",
    "canonical_url",
    "link_pending",
    "reasons",
    "stories",
]
