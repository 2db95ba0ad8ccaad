"""The pipeline of LitServe where no other is named: a causal model of transformers, on the GPU where there is one, that answers a batch at once.

`generate` of the library does the work: a processor of ours picks each row's next token by that row's own temperature, top_p and seed, a
criterion ends each row at its own limit, and a streamer hands out the tokens.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Any

import litserve
from fastapi import HTTPException

from app.engines.litserve_pipeline import ChatRequest, Given, text_of

ANSWER_TOKENS = 512  # for a request that sets no limit: a batch goes on until its longest answer is over
_BROKEN = "\ufffd"  # what is decoded of a character whose last bytes are not there yet


@dataclass(slots=True, kw_only=True)
class Question:
    """One request, as tokens. A temperature or top_p that is None is the model's own."""

    tokens: list[int]
    limit: int
    temperature: float | None
    top_p: float | None
    seed: int | None


class Transformers(litserve.LitAPI):
    """Any model that `AutoModelForCausalLM` loads and whose tokenizer has a chat template."""

    given: Given

    def setup(self, device: str) -> None:
        from transformers import AutoModelForCausalLM, AutoTokenizer  # seconds, and only the worker needs them

        source = str(self.given.weights or self.given.model)
        revision = {"revision": self.given.revision} if self.given.revision and self.given.weights is None else {}
        try:
            self._tokenizer = AutoTokenizer.from_pretrained(source, padding_side="left", **revision)
            # Without a GPU bfloat16, in which most weights are, takes four times as long (torch 2.13.0, 2026-12-01).
            dtype = "float32" if device == "cpu" else "auto"
            model = AutoModelForCausalLM.from_pretrained(source, dtype=dtype, **revision)
        except (OSError, ValueError) as error:
            sys.stderr.write(f"LitServe: {source} cannot be loaded: {str(error).strip().splitlines()[0]}\n")
            raise
        self._model = model.to(device).eval()
        if self._tokenizer.chat_template is None:
            sys.exit(f"LitServe: the tokenizer of {source} has no chat template")
        if self._tokenizer.pad_token is None:
            self._tokenizer.pad_token = self._tokenizer.eos_token
        own = getattr(self._model.config, "max_position_embeddings", None) or sys.maxsize
        self._most = min(own, self.given.max_model_len or own)

    def decode_request(self, request: ChatRequest) -> Question:
        messages = [
            {**message.model_dump(exclude_none=True), "content": text_of(message)} for message in request.messages
        ]
        from jinja2 import TemplateError  # what transformers makes its templates with

        try:
            tokens = self._tokenizer.apply_chat_template(
                messages, add_generation_prompt=True, tokenize=True, return_dict=True
            )["input_ids"]
        except TemplateError as error:  # as when roles must alternate
            raise HTTPException(400, {"message": f"the model's chat template: {error}", "param": "messages"}) from None
        room = self._most - len(tokens)
        if room < 1:
            raise HTTPException(
                400,
                {
                    "message": f"the messages are {len(tokens)} tokens, and the context length is {self._most} with the answer",
                    "param": "messages",
                    "code": "context_length_exceeded",
                },
            )
        return Question(
            tokens=tokens,
            limit=min(request.limit or ANSWER_TOKENS, room),
            temperature=request.temperature,
            top_p=request.top_p,
            seed=request.seed,
        )

    def batch(self, inputs: list[Question]) -> list[Question]:
        return inputs

    def predict(self, batch: list[Question]) -> Iterator[list[dict[str, Any] | None]]:
        import torch

        ends = _ends(self._model)
        rows = [_Row(self._tokenizer, question, ends) for question in batch]
        padded = self._tokenizer.pad({"input_ids": [row.question.tokens for row in rows]}, return_tensors="pt")
        steps = _Steps(rows)
        pick = _Pick(batch, self._model.generation_config, self._model.device)

        def generate() -> None:
            try:
                with torch.inference_mode():
                    self._model.generate(
                        **padded.to(self._model.device),
                        do_sample=False,  # ``pick`` has chosen already
                        max_new_tokens=max(question.limit for question in batch),
                        pad_token_id=self._tokenizer.pad_token_id,
                        logits_processor=[pick],
                        stopping_criteria=[steps.are_over],
                        streamer=steps,
                    )
                steps.queue.put(None)
            except Exception as error:  # noqa: BLE001 - raised again where the batch is answered
                steps.queue.put(error)

        thread = threading.Thread(target=generate)
        thread.start()
        try:
            while (step := steps.queue.get()) is not None:
                if isinstance(step, Exception):
                    raise step
                yield [row.take(token) for row, token in zip(rows, step, strict=True)]
        finally:
            steps.is_left = True
            thread.join()


def _ends(model: Any) -> frozenset[int]:
    """The tokens with which the model ends an answer."""
    end = model.generation_config.eos_token_id
    return frozenset(end if isinstance(end, list) else [end] if end is not None else [])


@dataclass(slots=True)
class _Row:
    """One answer under way."""

    tokenizer: Any
    question: Question
    ends: frozenset[int]
    tokens: list[int] = field(default_factory=list)
    shown: int = 0
    is_over: bool = False

    def take(self, token: int) -> dict[str, Any] | None:
        """What is new with ``token``; None where this answer was over before."""
        if self.is_over:
            return None
        self.tokens.append(token)
        ended = token in self.ends
        self.is_over = ended or len(self.tokens) == self.question.limit
        text = self.tokenizer.decode(self.tokens, skip_special_tokens=True)
        if text.endswith(_BROKEN) and not self.is_over:
            text = text[: self.shown]
        new, self.shown = text[self.shown :], max(self.shown, len(text))
        return {
            "content": new,
            "finish_reason": ("stop" if ended else "length") if self.is_over else None,
            "prompt_tokens": len(self.question.tokens),
            "completion_tokens": len(self.tokens),
        }


class _Steps:
    """Between `generate` and whoever reads: its streamer, and its criterion for the end of a row."""

    def __init__(self, rows: Sequence[_Row]) -> None:
        self.queue: SimpleQueue[list[int] | Exception | None] = SimpleQueue()
        self.is_left = False  # nobody reads any more
        self._limits = [row.question.limit for row in rows]
        self._begin: int | None = None

    def put(self, tokens: Any) -> None:
        if self._begin is None:  # the questions come first
            self._begin = tokens.shape[-1]
        else:
            self.queue.put(tokens.tolist())

    def end(self) -> None:
        """``generate`` returns just after it."""

    def are_over(self, input_ids: Any, scores: Any, **_: Any) -> Any:
        import torch

        written = input_ids.shape[-1] - (self._begin or 0)
        over = [self.is_left or written >= limit for limit in self._limits]
        return torch.tensor(over, device=input_ids.device)


class _Pick:
    """Picks each row's next token as that row asks for it, whatever else is in its batch."""

    def __init__(self, questions: Sequence[Question], own: Any, device: Any) -> None:
        import torch

        warmth = own.temperature if own.do_sample and own.temperature is not None else 1.0
        share = own.top_p if own.do_sample and own.top_p is not None else 1.0

        def column(values: list[float]) -> Any:
            return torch.tensor(values, device=device, dtype=torch.float32).unsqueeze(-1)

        self._warmth = column([warmth if each.temperature is None else each.temperature for each in questions])
        self._share = column([share if each.top_p is None else each.top_p for each in questions])
        self._is_greedy = all(each.temperature == 0 for each in questions)
        self._dice = [torch.Generator(device=device) for _ in questions]
        for dice, question in zip(self._dice, questions, strict=True):
            if question.seed is None:
                dice.seed()
            else:
                dice.manual_seed(question.seed % 2**63)

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        if self._is_greedy:
            return scores  # `generate` takes the likeliest
        import torch

        chances = torch.softmax(scores.float() / self._warmth.clamp(min=1e-5), dim=-1)
        ranked, order = chances.sort(dim=-1, descending=True)
        ranked = ranked.masked_fill(ranked.cumsum(dim=-1) - ranked > self._share, 0.0)  # the likeliest always stays
        # The largest of chance / exponential noise is a draw by these chances.
        noise = torch.stack(
            [torch.empty_like(row).exponential_(generator=dice) for row, dice in zip(ranked, self._dice, strict=True)]
        )
        drawn = (ranked / noise).argmax(dim=-1, keepdim=True).masked_fill(self._warmth == 0, 0)
        return torch.full_like(scores, -torch.inf).scatter(-1, order.gather(-1, drawn), 0.0)
