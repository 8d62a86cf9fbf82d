"""The errors of the rig, as one tree.

RigError
├── ModelFileError      a GGUF header or config.json is broken, hostile or not understood
├── UnknownPartError    a GPU, CPU, part or model name is unknown
├── AmbiguousPartError  a name fits several; the message lists them
├── MachineError        a machine description or dump has an invalid value
├── SettingError        a quantisation, cache type, context or engine is invalid
├── MeasureError        a model server gave no usable speed
├── PlanError           no build can meet the budget or the requirements
├── UpdateError         a data file or shared row is unsigned, damaged or out of range
└── PriceError          a price file or a shop's answer is invalid
"""

from shiomi.rig.message import Text

__all__ = [
    "AmbiguousPartError", "MachineError", "MeasureError", "ModelFileError", "PlanError",
    "PriceError", "RigError", "SettingError", "UnknownPartError", "UpdateError",
]  # fmt: skip


class RigError(Exception):
    """Base class of all errors shown to users; the text names the value and the remedy.

    `message` is an English sentence, or a `Message` that `shiomi.rig.report.wording` turns into a
    sentence.
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
