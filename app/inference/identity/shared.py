"""The machine's identities, which backends share across changes of the routes, and which of them the routes of the moment take."""

from __future__ import annotations

from app.inference.identity.identity import Identity


class Identities(dict[tuple[str, ...], Identity]):
    """Whoever makes a backend takes its identity out of here by its key: what no backend of the newest routes has taken goes."""

    def __init__(self) -> None:
        super().__init__()
        self._taken: set[tuple[str, ...]] = set()

    def __getitem__(self, key: tuple[str, ...]) -> Identity:
        self._taken.add(key)
        return super().__getitem__(key)

    def begin(self) -> None:
        """From here on new routes are built."""
        self._taken.clear()

    def leave(self) -> list[Identity]:
        """Those that the new routes have not taken. They are no longer in here, and to be closed."""
        return [self.pop(key) for key in self.keys() - self._taken]
