"""Writing: evidence, a writer (templates and quotations, or a language model), grounding."""

from shiomi.digest.writing.chat import Account, Usage
from shiomi.digest.writing.model import ModelWriter, TopicProgress
from shiomi.digest.writing.subject import write_subject
from shiomi.digest.writing.topic import Background, write_topic
from shiomi.digest.writing.trend import write_trend

__all__ = [
    "Account",
    "Background",
    "ModelWriter",
    "TopicProgress",
    "Usage",
    "write_subject",
    "write_topic",
    "write_trend",
]
