"""`image sizes`: what each image weighs, what an edit of the app sends anew, and how soon it is ready."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from delivery.failure import Failure
from delivery.images import archive, engines, running
from delivery.images.variants import image_of, variants
from delivery.terminal import data_json, say, table

STARTS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """Sizes are megabytes, 10^6 bytes, not compressed. `ready_s`: from the engine's start to the first ready answer, median of STARTS."""

    variant: str
    mb: float
    layers: int
    app_layer_mb: float
    ready_s: float


def show(root: Path, *, as_json: bool) -> None:
    """Print the table of all images that have been built here. Raises Failure where there is none."""
    engine = engines.found()
    measured = []
    for variant in variants(root):
        try:
            engine.digest_of(image_of(root, variant))
        except Failure:
            say(f"{variant}: not built here; ./trimaran image build --variant {variant}")
            continue
        measured.append(measure(root, engine, variant))
    if not measured:
        raise Failure("no image has been built here.", "./trimaran image build")
    if as_json:
        data_json("image-sizes", None, {"engine": engine.name, "images": [asdict(each) for each in measured]})
        return
    table(
        ("variant", "MB", "layers", "app layer MB", "s to ready"),
        [
            (each.variant, f"{each.mb:.0f}", str(each.layers), f"{each.app_layer_mb:.1f}", f"{each.ready_s:.1f}")
            for each in measured
        ],
    )


def measure(root: Path, engine: engines.Engine, variant: str) -> Size:
    """One image, started STARTS times. Raises Failure."""
    from providers.machine.ports import free_port

    image = image_of(root, variant)
    say(f"{variant}: measuring with {engine.name}")
    inside = archive.contents(engine, image)
    return Size(
        variant=variant,
        mb=round(inside.bytes / 1e6, 1),
        layers=len(inside.layers),
        app_layer_mb=round(inside.layers[-1][1] / 1e6, 2),
        ready_s=round(median(running.start_s(engine, image, variant, free_port()) for _ in range(STARTS)), 2),
    )
