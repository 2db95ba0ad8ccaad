"""Run `python -m benchmarks.promotion`: how often 20,000 promotions are wrong, and the figures behind the tests.

Every figure stands beside what it is held to, or what it is expected to be; the report is kept in .trimaran/reports.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from random import Random

from benchmarks.promotion import numbers
from benchmarks.promotion.simulation import Outcome, World, promotions, rate
from benchmarks.results import Results, show
from delivery.promotion.judging import plan
from delivery.promotion.judging.steps import Do

RUNS = 10_000
CHUNK = 250
REPORT = Path(".trimaran/reports/promotion.json")
SAME = World()
DOUBLED = World(factors={"attempt_failed": 2.0})
SLOWER = World(factors={"first_token": 1.3})


def main() -> None:
    """Print the table; exit status 1 when a bound is missed."""
    results = Results()
    with ProcessPoolExecutor(max_workers=min(2, os.cpu_count() or 1)) as pool:
        same = run(pool, 1, RUNS, SAME)
        doubled, slower = run(pool, 2, RUNS // 2, DOUBLED), run(pool, 3, RUNS // 2, SLOWER)
        rates(results, list(same), list(doubled), list(slower))
    of_events(results, Random(4))
    of_sizes(results, Random(5))
    show(results, "Promotions, simulated", REPORT)
    sys.exit(any(row["met"] is False for row in results.rows))


def run(pool: ProcessPoolExecutor, seed: int, runs: int, world: World) -> Iterator[Outcome]:
    """Spread over the processes; the seeds make them the same ones each time."""
    chunks = runs // CHUNK
    for outcomes in pool.map(
        promotions, range(seed * 1_000, seed * 1_000 + chunks), [CHUNK] * chunks, [world] * chunks
    ):
        yield from outcomes


def rates(results: Results, same: list[Outcome], doubled: list[Outcome], slower: list[Outcome]) -> None:
    """What a user cares about."""
    percent = 100.0
    worse = doubled + slower
    results.at_most("no difference: rolled back as worse", percent * rate(same, do=Do.ROLL_BACK), 5, "%")
    results.add("no difference: promoted", percent * rate(same, do=Do.FINISH), "%")
    undecided = percent * rate(same, do=Do.ROLL_BACK, undecided=True)
    results.add("no difference: undecided after 4,000 green requests at a step", undecided, "%")
    results.at_most("a difference: promoted all the same", percent * rate(worse, do=Do.FINISH), 5, "%")
    for name, outcomes in (("errors doubled from 1 %", doubled), ("first token +30 %, sigma 0.5", slower)):
        caught = [each.green_requests for each in outcomes if each.do == Do.ROLL_BACK and not each.undecided]
        results.at_least(f"{name}: caught before 25 %", percent * rate(outcomes, do=Do.ROLL_BACK, below=25), 95, "%")
        results.at_most(f"{name}: promoted", percent * rate(outcomes, do=Do.FINISH), 5, "%")
        results.add(f"{name}: green requests until caught, 95 %", numbers.quantile_95(caught), "requests")


def of_events(results: Results, random: Random) -> None:
    """Wald's test on the side of bad events, for five metrics at 5 %."""
    false, _ = numbers.side_test(random, 1.0)
    caught, events = numbers.side_test(random, 2.0)
    results.add("bad events: false alarms of a metric", 100 * false, "%", "expected 0.6")
    results.add("bad events: doubled, caught", 100 * caught, "%", "expected 98")
    results.add("bad events: doubled, median until caught", events, "events", "expected 227")
    for size, name, expected in ((2, "pairs", "6.8"), (5, "fives", "20")):
        false, _ = numbers.side_test(random, 1.0, cluster=size)
        results.add(f"bad events in {name}: false alarms", 100 * false, "%", f"expected {expected}")
    results.add("a 5 % test at each of 40 looks, 5 metrics: false", 100 * numbers.naive(random), "%", "expected 77")
    for base_rate, thousands in ((0.05, 14), (0.02, 34), (0.01, 70), (0.001, 700)):
        needed = plan.requests_to_catch_doubled(base_rate, numbers.SHARE, numbers.ALPHA, numbers.BETA)
        name = f"doubled from {100 * base_rate:g} %, 5 % share: all requests"
        results.add(name, needed / 1000, "thousand", f"expected {thousands}")
    events = round(14_000 * 0.05 * (1 + numbers.SHARE))
    results.at_least(f"doubled: caught within {events} bad events", 100 * numbers.caught_by(random, events), 95, "%")


def of_sizes(results: Results, random: Random) -> None:
    """The mixture test on logarithms."""
    for sigma, expected in ((0.5, 100), (0.8, 250), (1.0, 400)):
        found, runs = numbers.size_test(random, 1.3, sigma), 2_000
        name = f"+30 %, sigma {sigma:g}: green requests until caught, 95 %"
        results.add(name, numbers.quantile_95(found), "requests", f"expected {expected}")
        results.at_least(f"+30 %, sigma {sigma:g}: caught at all", 100 * len(found) / runs, 95, "%")
        false = len(numbers.size_test(random, 1.0, sigma, runs=1_000)) / 1_000
        results.add(f"no difference, sigma {sigma:g}: false alarms", 100 * false, "%", "expected at most 0.35")
    for sigma in (0.2, 0.3):
        name = f"+30 %, pairs that vary by {sigma:g}: pairs until caught, 95 %"
        results.add(
            name,
            numbers.pairs_needed(random, sigma),
            "pairs",
            "expected 15 to 30",
        )


if __name__ == "__main__":
    main()
