"""Whether a new version may have more of the traffic, from what was seen of both. Pure: no clock, no file, no network."""
