// The panel that shows which backends answer for the chosen model, and how each is right now.

import { Refusal } from "./client.js";
import { figure, seconds } from "./figures.js";

const EVERY_S = 5;
const LATEST_S = 10; // an app that says nothing for so long is said not to answer

const STRATEGIES = {
  failover: "in this order",
  weighted: "by weight",
  least_busy: "least busy first",
  lowest_latency: "fastest first",
  cheapest: "cheapest first",
};

export class BackendsPanel {
  #panel;
  #template;
  #hooks;
  #part;
  #routes = null;
  #readAt = 0;
  #watching = null; // the AbortController of the reading, while the panel is open in a tab that can be seen

  /** `hooks`: model(), the chosen one or ""; read(signal), the routes; askForKey(), whether a valid key was given. */
  constructor(panel, template, hooks) {
    this.#panel = panel;
    this.#template = template;
    this.#hooks = hooks;
    this.#part = parts(panel);
    panel.addEventListener("toggle", ({ newState }) => {
      if (newState === "open") panel.focus({ preventScroll: true });
      this.#wake();
    });
    document.addEventListener("visibilitychange", () => this.#wake());
  }

  /** Asks at once instead of at the next turn: an answer that has just ended may have changed much. */
  refresh() {
    this.#watching?.abort();
    this.#watching = null;
    this.#wake();
  }

  /** Brings what is shown up to date with the time that has passed, and with the model that is chosen. */
  show() {
    if (!this.#routes) return;
    const { models, default_model: usual } = this.#routes;
    const name = this.#hooks.model() || usual || "";
    const route = Object.hasOwn(models, name) ? models[name] : null;
    const { of, route: facts, list } = this.#part;
    put(of, name && ` of ${name}`);
    pairs(facts, route ? factsOf(route) : [["Routes", "this model is not among them any more"]]);
    const backends = route?.backends ?? [];
    while (list.childElementCount > backends.length) list.lastElementChild.remove();
    const goneS = (performance.now() - this.#readAt) / 1000;
    backends.forEach((backend, index) => this.#row(list, index, backend, goneS));
  }

  #row(list, index, backend, goneS) {
    if (!list.children[index]) list.append(this.#template.content.firstElementChild.cloneNode(true));
    const { name, state, vendor, figures } = parts(list.children[index]);
    const [kind, words] = stateOf(backend, goneS);
    put(name, backend.name);
    put(state, words);
    state.dataset.state = kind;
    put(vendor, backend.model);
    pairs(figures, figuresOf(backend));
  }

  #wake() {
    const seen = this.#panel.matches(":popover-open") && !document.hidden;
    if (seen === Boolean(this.#watching)) return;
    this.#watching?.abort();
    this.#watching = seen ? new AbortController() : null;
    if (seen) this.#watch(this.#watching.signal);
  }

  async #watch(signal) {
    while (!signal.aborted) {
      await this.#read(signal);
      for (let second = 0; second < EVERY_S && !signal.aborted; second += 1) {
        this.show();
        await pause(1000, signal);
      }
    }
  }

  async #read(signal) {
    if (!this.#routes) put(this.#part.problem, "Asking how they are …");
    try {
      const routes = await this.#hooks.read(AbortSignal.any([signal, AbortSignal.timeout(LATEST_S * 1000)]));
      this.#routes = routes;
      this.#readAt = performance.now();
      put(this.#part.problem, "");
    } catch (error) {
      if (signal.aborted) return;
      if (error.status === 401) this.#askForKey();
      else put(this.#part.problem, `${this.#trouble()}: ${reason(error)}. This goes on trying.`);
    }
  }

  #trouble() {
    return this.#routes ? "This is no longer up to date" : "The backends could not be listed";
  }

  async #askForKey() {
    put(this.#part.problem, "");
    this.#panel.hidePopover();
    if (await this.#hooks.askForKey()) this.#panel.showPopover();
  }
}

/** A kind for the dot's colour, and the words. `goneS`: seconds since this was read. */
function stateOf({ ready, circuit, asked_again_in_s: waitS }, goneS) {
  const leftS = Math.ceil(waitS - goneS);
  if (leftS > 0) return ["passed", `${circuit === "closed" ? "busy, " : ""}passed over for ${leftS} s`];
  if (circuit !== "closed") return ["trial", "tried by the next request"];
  return ready ? ["ready", "ready"] : ["loading", "loading"];
}

function figuresOf({ running, max_running: most, first_content_s: firstS }) {
  return [
    ["Running", `${running} of ${most}`],
    ["First token", firstS === null ? "not known yet" : seconds(firstS * 1000)],
  ];
}

function factsOf({ strategy, sticky, queued, when_down: resorts }) {
  const asked = STRATEGIES[strategy] ?? strategy;
  return [
    ["Asked", sticky === "session" ? `${asked}, a conversation stays with its own` : asked],
    ["Waiting", String(queued)],
    resorts?.length && ["When all are down", resorts.join(", ")],
  ].filter(Boolean);
}

function reason(error) {
  if (error.name === "TimeoutError") return `the app has said nothing for ${LATEST_S} s`;
  const isCut = error instanceof Refusal && !error.code && !error.status;
  return isCut && !error.requestId ? "the app cannot be reached" : String(error.message);
}

function parts(root) {
  return Object.fromEntries([...root.querySelectorAll("[data-part]")].map((element) => [element.dataset.part, element]));
}

/** Only what differs is touched: a reader's selection stays, and a screen reader hears of no change where there is none. */
function put(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function pairs(list, wanted) {
  if (list.childElementCount !== wanted.length) list.replaceChildren(...wanted.map(figure));
  wanted.forEach(([label, value], index) => {
    const [term, description] = list.children[index].children;
    put(term, label);
    put(description, value);
  });
}

/** Over when `ms` have passed, or when `signal` says so. */
function pause(ms, signal) {
  return new Promise((over) => {
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      over();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener("abort", end);
  });
}
