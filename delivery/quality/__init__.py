"""How well a version answers: suites of cases, the calls, the checks, and whether one version is worse than another."""
