"""A language model as the estimator sees it: its layers, its bytes, its caches."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from shiomi.rig.model.assumption import Assumption

__all__ = ["Layer", "LayerKind", "Model"]


class LayerKind(StrEnum):
    """How a layer mixes tokens. It determines the cache per token."""

    FULL = "full"  # grouped-query and multi-head attention over the whole context
    SLIDING = "sliding"  # over the last `window` tokens
    LINEAR = "linear"  # linear attention or state space: a state of fixed size
    LATENT = "latent"  # multi-head latent attention: one compressed vector per token
    NONE = "none"  # no mixing over tokens


@dataclass(frozen=True, slots=True)
class Layer:
    """One transformer block. Parameters are counts, not bytes."""

    kind: LayerKind
    kv_heads: int = 0
    key_dim: int = 0  # per head
    value_dim: int = 0  # per head
    window: int | None = None  # tokens, of a sliding layer
    state_values: int = 0  # values of a linear layer's fixed state
    latent_dim: int = 0  # rank + rotary part, of a latent layer
    dense_parameters: int = 0  # read for every token: attention, norms, shared experts, dense FFN
    expert_parameters: int = 0  # of one routed expert; 0: no mixture of experts
    experts: int = 0
    chosen: int = 0  # experts read per token
    heads: int = 0  # query heads
    feed_forward: int = 0  # widest inner dimension


@dataclass(frozen=True, slots=True)
class Model:
    """A model's shape. Missing values are None; assumptions are recorded."""

    name: str
    architecture: str  # "llama", "qwen3moe", as GGUF's general.architecture
    layers: tuple[Layer, ...] = field(hash=False)  # estimates are cached by this hash
    hidden_size: int
    vocabulary: int
    embedding_parameters: int  # the table a token is looked up in: one row is read per token
    output_parameters: int  # the output projection; 0 if it is tied to the embedding
    context_length: int | None = None  # trained
    file_bytes: int | None = None  # of the weights, where a file was read
    quantisation: str | None = None  # "Q4_K_M", "F16", as in the file
    source: str = ""  # file or catalogue row it was read from
    embedding_bytes: int | None = None  # of the embedding table, where a file was read
    expert_bytes: int | None = None  # of all routed experts, where a file was read
    assumed: Assumption | None = None  # about its layers, if they are unknown

    @property
    def parameters(self) -> int:
        """Return the number of all parameters."""
        return (
            self.embedding_parameters
            + self.output_parameters
            + sum(x.dense_parameters + x.experts * x.expert_parameters for x in self.layers)
        )

    @property
    def active_parameters(self) -> int:
        """Return the number of parameters that are read for one token."""
        output = self.output_parameters or self.embedding_parameters
        return output + sum(
            x.dense_parameters + x.chosen * x.expert_parameters for x in self.layers
        )
