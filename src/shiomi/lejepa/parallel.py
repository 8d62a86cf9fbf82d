"""Run a network on several ranks: replicated by DistributedDataParallel, or sharded by FSDP2.

With FSDP2 (torch's `fully_shard`) each rank holds only a part of the weights, the gradients and the
optimiser's state. The weights of a block are gathered while the block is computed. In both cases a
checkpoint has whole tensors, so a run may be resumed with another number of ranks.
"""

from __future__ import annotations

import importlib
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from shiomi.lejepa.devices import Place
from shiomi.lejepa.encoders import Network
from shiomi.lejepa.timm_models import sync_batch_norms

__all__ = ["agreed", "data_parallel", "last_part", "load_whole", "shard", "whole"]

# Steps between two exchanges of stop requests among ranks; each exchange makes the GPUs wait.
_AGREE_EVERY = 20
_SYNC = "set_requires_gradient_sync"  # a method that only networks sharded by FSDP2 have


def data_parallel(network: nn.Module, place: Place) -> nn.Module:
    """Return the network with gradients averaged over ranks. A sharded network does that by
    itself."""
    if place.ranks == 1 or hasattr(network, _SYNC):
        return network
    if place.device.type == "cuda":
        network = sync_batch_norms(network)
        return DistributedDataParallel(network, device_ids=[place.device.index])
    return DistributedDataParallel(network)


def shard(network: Network, place: Place) -> Network:
    """Shard `network` over the ranks in place: each of the encoder's `blocks`, then the rest."""
    # Imported here because the import takes a second and few runs need it.
    fully_shard = importlib.import_module("torch.distributed.fsdp").fully_shard
    mesh = dist.device_mesh.init_device_mesh(place.device.type, (place.ranks,))
    if place.device.type == "cuda":
        sync_batch_norms(network)
    for parameter in network.parameters():
        parameter.data = parameter.data.contiguous()  # FSDP2 refuses channels_last
    for name, module in network.encoder.named_modules():
        if name.rpartition(".")[2] == "blocks":
            for block in module.children():
                fully_shard(block, mesh=mesh)
    fully_shard(network, mesh=mesh)
    return network


def last_part(network: nn.Module, last: bool) -> None:
    """During accumulation, average gradients over ranks only in the backward pass of the last
    part."""
    if hasattr(network, _SYNC):
        getattr(network, _SYNC)(last)
    elif isinstance(network, DistributedDataParallel):
        network.require_backward_grad_sync = last


def whole(state: Any) -> Any:
    """Return a state with sharded tensors gathered. Every rank must call this."""
    if isinstance(state, dict):
        return {key: whole(value) for key, value in state.items()}
    if isinstance(state, list):
        return [whole(value) for value in state]
    return state.full_tensor() if hasattr(state, "full_tensor") else state


def load_whole(network: nn.Module, optimiser: torch.optim.Optimizer, state: dict[str, Any]) -> None:
    """Load the complete states "network" and "optimiser" into a network that may be sharded."""
    own = network.state_dict()
    weights = {n: _like(own[n], v) if n in own else v for n, v in state["network"].items()}
    network.load_state_dict(weights)
    parameters = [p for group in optimiser.param_groups for p in group["params"]]
    moments = {
        i: {name: _like(parameters[i], value) for name, value in values.items()}
        for i, values in state["optimiser"]["state"].items()
    }
    optimiser.load_state_dict({**state["optimiser"], "state": moments})


def _like(own: Any, value: Any) -> Any:
    """Return `value`; if it is a tensor of the shape of `own`, shard it as `own` is sharded."""
    if hasattr(own, "placements") and isinstance(value, Tensor) and value.shape == own.shape:
        distribute = importlib.import_module("torch.distributed.tensor").distribute_tensor
        return distribute(value.to(own.device), own.device_mesh, own.placements)
    return value


def agreed(wishes: list[bool], place: Place, step: int) -> list[bool]:
    """Return for each request whether any rank made it. On GPUs the ranks are asked every 20
    steps."""
    if place.ranks == 1:
        return wishes
    if place.device.type != "cpu" and step % _AGREE_EVERY:
        return [False] * len(wishes)
    asked = torch.tensor(wishes, dtype=torch.float32, device=place.device)
    dist.all_reduce(asked)
    return [value > 0 for value in asked.tolist()]
