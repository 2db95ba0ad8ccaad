"""The rules that every stack keeps: judged by the engine as a policy pack, or by `judge` on a plan without the engine."""

from policies.context import Context
from policies.judging import Report, Undecided, Violation, bearing, judge
from policies.planned import Planned
from policies.rules import RULES

__all__ = ["RULES", "Context", "Planned", "Report", "Undecided", "Violation", "bearing", "judge"]
