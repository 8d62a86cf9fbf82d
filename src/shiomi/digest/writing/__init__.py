"""Write the topics of a digest, from templates and quotations or with a language model."""

from shiomi.digest.writing.chat import Account, Usage
from shiomi.digest.writing.model import ModelWriter, TopicProgress
from shiomi.digest.writing.subject import write_subject
from shiomi.digest.writing.topic import write_topic
from shiomi.digest.writing.trend import write_trend

__all__ = [
    "Account",
    "ModelWriter",
    "TopicProgress",
    "Usage",
    "write_subject",
    "write_topic",
    "write_trend",
]
