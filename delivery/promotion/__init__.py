"""Whether a new version may have more of the traffic: what was seen of both, how it is judged, and what follows."""
