"""The policy: the action for each client, the policy file, path patterns, and contradictions."""

from shiomi.gate.policy.policy import (
    ALWAYS_SERVED,
    Action,
    Budget,
    Cookie,
    NetworkRule,
    PathRule,
    Policy,
    Proxies,
    PurposeRule,
    Rate,
    Robots,
    Signals,
    Trap,
)
from shiomi.gate.policy.policy_file import (
    default_policy_text,
    load_policy,
    parse_policy,
    preset_text,
    presets,
)

__all__ = [
    "ALWAYS_SERVED", "Action", "Budget", "Cookie", "NetworkRule", "PathRule", "Policy", "Proxies",
    "PurposeRule", "Rate", "Robots", "Signals", "Trap", "default_policy_text", "load_policy",
    "parse_policy", "preset_text", "presets",
]  # fmt: skip
