// One question and its answer on the page.

import { Measures, detours, figure, figures, shortfall } from "./figures.js";
import { Prose } from "./prose.js";

const TITLES = {
  "": "The server cannot be reached",
  busy: "The model is busy",
  unreachable: "No backend could be reached",
  refused_by_policy: "The backend declined this request",
  bad_request: "The request was not accepted",
  context_length_exceeded: "This conversation is too long for the model",
  misconfigured: "A backend is not set up correctly",
  first_token_late: "The model did not start in time",
  stalled: "The answer stalled",
  cut: "The answer broke off",
  garbled: "The answer was unreadable",
  deadline: "The answer took too long",
  budget: "The budget is used up",
  rate: "Too many requests",
  invalid_api_key: "A valid key is needed",
  model_not_found: "This model is not known",
};

const REST = 3; // times as long as drawing took, so that a huge paragraph leaves the page three quarters of its time

export class Turn {
  answer = "";
  failed = false;
  #template;
  #part;
  #prose;
  #measures;
  #hooks;
  #frame = 0;
  #restUntil = 0;

  /** `hooks`: shown() after each change of the page, spoken(text) for each part of the answer that is complete. */
  constructor(question, template, hooks) {
    this.question = question;
    this.#template = template;
    this.#hooks = hooks;
    this.root = template.content.firstElementChild.cloneNode(true);
    this.#find();
    this.#part.question.textContent = question;
  }

  /** A new try: whatever an earlier one left is gone. */
  begin() {
    const fresh = this.#template.content.firstElementChild.cloneNode(true);
    this.root.querySelector(".answer").replaceWith(fresh.querySelector(".answer"));
    this.#find();
    this.answer = "";
    this.failed = false;
    this.#measures = new Measures();
    this.#prose = new Prose(this.#part.prose, (element) => this.#hooks.spoken(spokenForm(element)));
    this.root.dataset.state = "waiting";
  }

  /** One piece of news about the answer, as client.js tells it. */
  take({ origin, text, thinking, tokens, summary, finish }) {
    const measures = this.#measures;
    if (origin) measures.origin = origin;
    if (tokens) measures.tokens = tokens;
    if (summary) measures.summary(summary);
    if (finish) measures.finish = finish;
    if (thinking) this.#part.waiting.textContent = "Thinking";
    if (text) {
      measures.text();
      this.answer += text;
      this.#prose.append(text);
      this.root.dataset.state = "writing";
    }
    this.#frame ||= requestAnimationFrame(() => this.#showSoon());
  }

  complete() {
    this.#end("complete");
    this.#note(shortfall(this.#measures.finish) ?? (this.answer ? "" : "The model answered with no text."));
  }

  stopped() {
    this.#end("stopped");
    this.#note(this.answer ? "You stopped this answer." : "You stopped this answer before it began.");
  }

  /** `refusal` is a Refusal of client.js, or a defect of this page. */
  fail(refusal) {
    this.failed = true;
    this.#end("failed");
    const { code = "page", status = 0, requestId = "", retryAfterS = 0, message } = refusal;
    const { problem, title, sentence, trace } = this.#part;
    title.textContent = TITLES[code] ?? (status === 429 ? TITLES.rate : status && status < 500 ? TITLES.bad_request : "The request failed");
    if (code === "" && status) title.textContent = status < 500 ? TITLES.bad_request : "The server failed";
    sentence.textContent = message;
    const facts = [status && `Status ${status}`, code, requestId && `Request ${requestId}`, retryAfterS && `Try again in ${retryAfterS} s`];
    trace.textContent = facts.filter(Boolean).join(" · ");
    problem.hidden = false;
    this.#hooks.spoken(`${title.textContent}: ${message}`);
    this.#hooks.shown();
  }

  #end(state) {
    this.#show(true);
    this.root.dataset.state = state;
  }

  /** In this frame, or in a later one while the page rests from the last. */
  #showSoon() {
    if (performance.now() < this.#restUntil) this.#frame = requestAnimationFrame(() => this.#showSoon());
    else this.#show(false);
  }

  #show(ended) {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    const began = performance.now();
    this.#prose.render(ended);
    const now = performance.now();
    this.#restUntil = now + REST * (now - began);
    const { detours: chips, figures: list } = this.#part;
    const said = detours(this.#measures);
    if (chips.textContent !== said.join("")) chips.replaceChildren(...said.map(chip));
    chips.hidden = !said.length;
    const known = figures(this.#measures, ended);
    if (list.childElementCount !== known.length) list.replaceChildren(...known.map(figure));
    this.#hooks.shown();
  }

  #note(text) {
    this.#part.note.textContent = text;
    this.#part.note.hidden = !text;
    this.#hooks.shown();
  }

  #find() {
    const named = [...this.root.querySelectorAll("[data-part]")];
    this.#part = Object.fromEntries(named.map((element) => [element.dataset.part, element]));
  }
}

function chip(text) {
  const made = document.createElement("li");
  made.className = "detour";
  made.textContent = text;
  return made;
}

/** What a screen reader says of a finished block: code is named, not read out. */
function spokenForm(element) {
  return element.classList.contains("code") ? "A block of code." : element.textContent;
}
