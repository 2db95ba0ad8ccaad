"""How often a promotion is wrong: simulated with the functions that promote uses."""
