"""What vLLM writes when it does not get the memory that it wants, and what the app says of it: vLLM's own words stand in a traceback."""

from __future__ import annotations

import re

_LESS = "lower --gpu-memory-utilization in TRIMARAN_ENGINE_ARGS, or end what else uses the GPU"
_SHORTER = "set a shorter --max-model-len in TRIMARAN_ENGINE_ARGS, or take a larger GPU"

# vLLM 0.32.0: v1/worker/utils.py, cpu_worker.py and gpu_model_runner.py, v1/core/kv_cache_utils.py; torch 2.13.0. Read 2026-12-01.
_SAID: tuple[tuple[re.Pattern[str], str], ...] = (
    (
        re.compile(r"Free memory on device \S+ \((\S+/\S+ GiB)\) on startup is less than desired .*? (\S+ GiB)\)"),
        f"too little of the GPU's memory is free ({{0}}, and it wants {{1}}): {_LESS}",
    ),
    (
        re.compile(r"Available memory on node \d+ \((\S+/\S+ GiB)\).* less than requested memory for kv \((\S+ GiB)\)"),
        "too little memory is free ({0}, and its cache wants {1}): lower VLLM_CPU_KVCACHE_SPACE, or end what else uses memory",
    ),
    (
        re.compile(r"No available memory for the cache blocks"),
        f"the model's weights leave no memory for its cache: {_SHORTER}",
    ),
    (
        re.compile(
            r"model's max seq len \((\d+)\), \((\S+ GiB) KV cache is needed.* available KV cache memory \((\S+ GiB)\)"
        ),
        f"{{0}} tokens of context need {{1}} of memory for its cache and {{2}} are left: {_SHORTER}",
    ),
    (
        re.compile(r"Failed to load model - not enough GPU memory|CUDA out of memory"),
        f"the model does not fit into the GPU's memory: {_SHORTER}, or more of them with --tensor-parallel-size",
    ),
)


def explained(line: str) -> str:
    """Why vLLM ends, and what to do, where ``line`` of its output says that memory is short; "" of any other line."""
    for pattern, sentence in _SAID:
        if found := pattern.search(line):
            return sentence.format(*found.groups())
    return ""
