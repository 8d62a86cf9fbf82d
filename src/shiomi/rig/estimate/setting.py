"""How a model is run: all inputs of an estimate except the model and the machine."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from shiomi.rig.errors import SettingError
from shiomi.rig.estimate.kv_cache import check_setting
from shiomi.rig.model.model import Model
from shiomi.rig.model.quantisation import find_quantisation

__all__ = ["Place", "Setting", "quantisation_of"]

LONGEST_PROMPT = 10**8  # tokens
_MICRO_BATCHES = (32, 16_384)


class Place(StrEnum):
    """The place of the weights."""

    GPU = "gpu"
    EXPERTS_IN_RAM = "experts in RAM"  # llama.cpp --cpu-moe; for some layers --n-cpu-moe
    RAM = "RAM"


@dataclass(frozen=True, slots=True)
class Setting:
    """Raises SettingError if a value is out of range."""

    quantisation: str | None = None  # None: the file's own, or chosen by the caller
    context: int = 8192  # tokens in each user's context
    users: int = 1
    prompt: int = 512  # tokens of the prompt, for the speed of reading
    gpus: int | None = None  # number of GPUs, counted from the machine's first GPU; None: all
    place: Place = Place.GPU
    ram_share: float = 1.0  # share of the routed experts in RAM, with Place.EXPERTS_IN_RAM
    kv_dtype: str = "f16"
    engine: str = "llama.cpp"  # or "ollama", "vllm"; "llama.cpp@2024-05" fixes the version
    micro_batch: int = 512  # tokens computed at once in reading; llama.cpp -ub
    tensor_split: bool = False  # every GPU works on every layer; llama.cpp -sm tensor
    speculation: bool = False  # tokens are drafted and verified together (MTP, draft model)

    def __post_init__(self) -> None:
        check_setting(context=max(1, self.context), users=self.users, engine="llama.cpp")
        if self.context < 0:
            raise SettingError(f"context must be >= 0 tokens, got {self.context}")
        if not 1 <= self.prompt <= LONGEST_PROMPT:
            raise SettingError(f"prompt must be 1 to {LONGEST_PROMPT:,} tokens, got {self.prompt}")
        least, most = _MICRO_BATCHES
        if not least <= self.micro_batch <= most:
            raise SettingError(
                f"micro-batch must be {least} to {most:,} tokens, got {self.micro_batch}"
            )
        if not 0 < self.ram_share <= 1:
            raise SettingError(
                f"the share of experts in RAM must be > 0 to 1, got {self.ram_share}"
            )
        if self.quantisation is not None:
            find_quantisation(self.quantisation)

    @property
    def engine_name(self) -> str:
        """Return the engine without a version."""
        return self.engine.split("@")[0]

    @property
    def experts_in_ram(self) -> bool:
        """Return whether routed experts are kept in the system's memory."""
        return self.place is Place.EXPERTS_IN_RAM

    @property
    def experts_on_gpu(self) -> float:
        """Return the share of the routed experts that is on the GPUs."""
        return 1.0 - self.ram_share if self.experts_in_ram else 1.0


def quantisation_of(model: Model, setting: Setting) -> str:
    """Return the format of the weights. Raises SettingError if nothing states it."""
    chosen = setting.quantisation or model.quantisation
    if chosen is None:
        raise SettingError(f"{model.name} has no stated quantisation; give one, such as Q4_K_M")
    return chosen
