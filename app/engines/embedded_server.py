"""The embedded model server's own process: llama.cpp's OpenAI server on a loopback port, with weights out of an installed package.

Started by ``app.engines.embedded``. It reads its key from standard input, writes its address as one JSON line to standard output once the
model is loaded, and ends when standard input closes.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from importlib import metadata
from pathlib import Path

from app.engines.child import die_with_parent
from catalog.models import EMBEDDED, EmbeddedModel

PARALLEL = 4  # answers at once; more wait in llama.cpp's own queue
PROMPT_CACHE_MIB = 256
ANSWER_TOKENS = 512  # for a request that sets no limit: so small a model may never come to an end by itself


def weights(model: EmbeddedModel) -> Path:
    """Where the model's weights are installed. Exits with a sentence when they are not."""
    try:
        installed = metadata.distribution(model.package)
    except metadata.PackageNotFoundError:
        sys.exit(f"package '{model.package}' with the model's weights is not installed")
    if installed.version != model.revision:
        sys.exit(f"package '{model.package}' is {installed.version}, the model is pinned to {model.revision}")
    return next(Path(str(file.locate())) for file in installed.files or () if file.name == model.file)


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--model", required=True, choices=sorted(EMBEDDED))
    arguments.add_argument("--parent", required=True, type=int)
    options = arguments.parse_args()
    die_with_parent(options.parent)
    report = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what llama.cpp prints belongs in the log
    key = sys.stdin.readline().strip()

    import xllamacpp  # 0.1 s and 60 MB: not before the parent is known to be there

    model = EMBEDDED[options.model]
    params = xllamacpp.CommonParams()
    params.model.path = str(weights(model))
    params.model_alias = {options.model}
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.api_keys = [key]
    params.cors_origins = ""
    params.n_parallel = PARALLEL
    params.n_ctx = model.context_tokens
    params.kv_unified = True
    params.n_predict = ANSWER_TOKENS
    params.cache_ram_mib = PROMPT_CACHE_MIB
    params.embedding = True
    params.pooling_type = xllamacpp.llama_pooling_type.LLAMA_POOLING_TYPE_MEAN
    params.ui = False
    params.endpoint_slots = False
    params.verbosity = 1
    server = xllamacpp.Server(params)
    print(json.dumps({"address": server.listening_address}), file=report, flush=True)
    sys.stdin.read()
    os._exit(0)  # llama.cpp's own shutdown waits for running answers, which nobody reads any more


if __name__ == "__main__":
    main()
