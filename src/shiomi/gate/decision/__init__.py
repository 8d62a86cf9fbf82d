"""The decision: find the verdict on one request under a policy."""

from shiomi.gate.decision.decision import decide
from shiomi.gate.decision.prepared_policy import PreparedPolicy
from shiomi.gate.decision.verdict import REFUSED, Decision, Verdict

__all__ = ["REFUSED", "Decision", "PreparedPolicy", "Verdict", "decide"]
