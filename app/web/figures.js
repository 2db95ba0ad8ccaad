// What is said about an answer: who gave it, how fast, for how much. Unknown is said to be unknown, never shown as 0.

const count = new Intl.NumberFormat("en");
const rate = new Intl.NumberFormat("en", { maximumSignificantDigits: 3 });
const SHORTEST_MS = 20;

/** Times are those of performance.now(), in milliseconds; `origin` is what the response's headers said. */
export class Measures {
  sentAt = performance.now();
  firstAt = null;
  lastAt = null;
  origin = null;
  tokens = null;
  costUsd = null;
  finish = "";

  /** Text came. */
  text(now = performance.now()) {
    this.firstAt ??= now;
    this.lastAt = now;
  }

  /** The server's last word: exact where the headers were early. */
  summary({ backend, attempts, rescued = 0, tokens_in, tokens_out, cost_usd }) {
    if (backend) this.origin = atEnd(this.origin, { backend, attempts, rescued });
    if (tokens_out !== undefined) this.tokens = { in: tokens_in, out: tokens_out };
    if (cost_usd !== undefined) this.costUsd = String(cost_usd);
  }

  /** Tokens per second between the first text and the last; null where that is too short a time to tell. */
  get tokensPerS() {
    const tookMs = this.lastAt - this.firstAt;
    return this.tokens && this.tokens.out > 1 && tookMs >= SHORTEST_MS ? ((this.tokens.out - 1) * 1000) / tookMs : null;
  }
}

/** Pairs of label and value, as far as they are known now; `ended`: what is not known by now will stay so. */
export function figures(measures, ended) {
  const { origin, firstAt, sentAt, tokens, tokensPerS, costUsd } = measures;
  return [
    origin?.backend && ["Backend", origin.began ? [...new Set([origin.began, origin.backend])].join(", then ") : origin.backend],
    firstAt !== null && ["First token", seconds(firstAt - sentAt)],
    tokensPerS !== null && ["Speed", `${rate.format(tokensPerS)} tokens/s`],
    ended && firstAt !== null && ["Tokens", tokens ? `${count.format(tokens.in ?? 0)} in, ${count.format(tokens.out ?? 0)} out` : "not reported"],
    ended && firstAt !== null && ["Cost", costUsd === null ? "unknown" : dollars(costUsd)],
  ].filter(Boolean);
}

/** What the reader should know beside the figures, each in a few words: the answer came from elsewhere than usual. */
export function detours({ origin }) {
  if (!origin) return [];
  const { attempts, degraded, rescued, began, backend } = origin;
  return [
    degraded ? standIn(degraded) : attempts > 1 && `Failed over: attempt ${attempts} answered`,
    rescued > 0 && (began === backend ? "Continued after a break" : "Continued on another backend"),
  ].filter(Boolean);
}

function standIn(name) {
  return name === "cache" ? "An earlier answer, kept by this app" : `Answered by a stand-in: ${name}`;
}

/** The origin at the end: `began` gave the first content, after `attempts`; `backend` gave the last, after being `rescued`. */
function atEnd(origin, { backend, attempts, rescued }) {
  const began = origin?.backend ?? "";
  const all = attempts ?? origin?.attempts ?? 1;
  if (!rescued) return { ...origin, backend, attempts: all };
  return { ...origin, backend, began, rescued, attempts: began ? origin.attempts : all - rescued };
}

/** A pair as an entry of a <dl>. */
export function figure([label, value]) {
  const pair = document.createElement("div");
  const term = document.createElement("dt");
  const description = document.createElement("dd");
  term.textContent = label;
  description.textContent = value;
  pair.append(term, description);
  return pair;
}

/** Why a complete answer may still be less than what was asked for. */
export function shortfall(finish) {
  return {
    length: "The answer stops here because it reached the limit of tokens.",
    content_filter: "The backend's content filter ended the answer here.",
  }[finish];
}

export function seconds(ms) {
  return ms < 995 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(ms < 9950 ? 2 : 1)} s`;
}

/** A decimal string of dollars: whole cents from a dollar on, two significant digits below. */
function dollars(text) {
  const value = Number(text);
  if (value === 0) return "$0";
  if (value >= 1) return `$${value.toFixed(2)}`;
  return `$${value.toFixed(Math.min(12, 1 - Math.floor(Math.log10(value))))}`;
}
