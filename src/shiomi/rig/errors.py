"""The errors of the rig, as one tree.

RigError
├── ModelFileError      a GGUF header or config.json is broken, hostile or not understood
├── UnknownPartError    a GPU, CPU, part or model name is unknown
├── AmbiguousPartError  a name fits several; the message lists them
├── MachineError        a machine description or dump says something that cannot be meant
├── SettingError        a quantisation, cache type, context or engine that means nothing
├── MeasureError        an endpoint gave no speed that can be used
├── PlanError           a budget or wish that no build can meet
├── UpdateError         a data file or shared row is not signed, damaged or out of range
└── PriceError          a price file or shop's answer is not what it should be
"""

from shiomi.rig.message import Text

__all__ = [
    "AmbiguousPartError",
    "MachineError",
    "MeasureError",
    "ModelFileError",
    "PlanError",
    "PriceError",
    "RigError",
    "SettingError",
    "UnknownPartError",
    "UpdateError",
]


class RigError(Exception):
    """Base of all errors that a user of the rig reads; the text names the value and the remedy.

    `message` is a sentence in English, or a `Message` that `shiomi.rig.report.wording` words.
    """

    def __init__(self, message: Text = "") -> None:
        super().__init__(message)
        self.message = message


class ModelFileError(RigError):
    """A GGUF header or config.json is broken, hostile or of an unknown kind."""


class UnknownPartError(RigError):
    """A GPU, CPU, part or model name is unknown."""


class AmbiguousPartError(RigError):
    """A name fits several; the message lists them."""


class MachineError(RigError):
    """A machine description or dump has an invalid value."""


class SettingError(RigError):
    """A quantisation, cache type, context, number of users or engine is unknown or out of range."""


class MeasureError(RigError):
    """A model server gave no usable speed."""


class PlanError(RigError):
    """No build can meet the budget or the requirements."""


class PriceError(RigError):
    """A price file or a shop's answer is invalid."""


class UpdateError(RigError):
    """A data file or a shared row cannot be used."""
