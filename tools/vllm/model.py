"""Writes a model folder such as vLLM reads, in bfloat16, from a GGUF file: run by tools/vllm.sh in vLLM's own Python, never imported.

Arguments: the GGUF file and the folder.
"""

import sys
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer


def main(file: Path, folder: Path) -> None:
    named = {"pretrained_model_name_or_path": str(file.parent), "gguf_file": file.name}
    model = AutoModelForCausalLM.from_pretrained(**named, dtype=torch.bfloat16)
    # The weights were unpacked while they were read; what is left says that they are packed, and would be written so.
    model.is_quantized, model.hf_quantizer, model.quantization_method = False, None, None
    model.config.__dict__.pop("quantization_config", None)
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(**named).save_pretrained(folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
