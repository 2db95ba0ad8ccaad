"""The split by an nginx of this machine."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from delivery.platforms.traffic import Split, TrafficError, confirm
from providers.machine.proxy import read_weights, set_weights
from providers.machine.values import MachineError


class NginxTraffic:
    """Moves the proxy in `directory`, the folder of the stack's output traffic.ref.config_file."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def ladder(self, wanted: Sequence[int]) -> tuple[int, ...]:
        """Any whole percentage."""
        return tuple(wanted)

    def read(self) -> Split:
        """The split in use; raises TrafficError where no proxy of ours is, or one with other sides."""
        try:
            weights = read_weights(self._directory)
        except (MachineError, OSError) as error:
            raise TrafficError(str(error)) from error
        if weights is None:
            raise TrafficError(f"there is no proxy in {self._directory}\nhint: ./trimaran up")
        total = sum(weights.values())
        green = weights.get("green", 0) * 100
        strangers = weights.keys() - {"blue", "green"}
        if strangers or total <= 0 or green % total:
            raise TrafficError(f"the split {weights} is not one between blue and green in whole percent")
        return Split(blue=100 - green // total, green=green // total)

    def set(self, split: Split) -> None:
        """Move the split without dropping a request."""
        try:
            set_weights(self._directory, {"blue": split.blue, "green": split.green})
        except (MachineError, OSError) as error:
            raise TrafficError(str(error)) from error
        confirm(self, split)
