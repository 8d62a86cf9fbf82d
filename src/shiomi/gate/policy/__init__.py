"""The policy: what happens to whom; its file, its patterns of paths, what it cannot mean."""

from shiomi.gate.policy.policy import (
    ALWAYS_SERVED,
    Action,
    Budget,
    Challenge,
    Cookie,
    Feeds,
    NetworkRule,
    PathRule,
    Policy,
    Proxies,
    PurposeRule,
    Rate,
    Robots,
    Signals,
    Tarpit,
    Trap,
)
from shiomi.gate.policy.policy_file import default_policy_text, load_policy, parse_policy

__all__ = [
    "ALWAYS_SERVED",
    "Action",
    "Budget",
    "Challenge",
    "Cookie",
    "Feeds",
    "NetworkRule",
    "PathRule",
    "Policy",
    "Proxies",
    "PurposeRule",
    "Rate",
    "Robots",
    "Signals",
    "Tarpit",
    "Trap",
    "default_policy_text",
    "load_policy",
    "parse_policy",
]
