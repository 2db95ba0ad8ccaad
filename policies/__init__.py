"""The rules that every stack keeps: judged by the engine as a policy pack, or by `judge` on a plan without the engine."""

from policies.context import Context
from policies.coverage import bearing
from policies.judging import Report, Undecided, Violation, judge
from policies.rules import RULES

__all__ = ["RULES", "Context", "Report", "Undecided", "Violation", "bearing", "judge"]
