"""How each target is reached: its state, its two sides, their traffic, counters and logs, and a promotion's record."""
