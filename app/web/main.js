// The page: puts its parts together and holds the conversation. Nothing of it outlives the tab.

import { BackendsPanel } from "./backends.js";
import { ask, listModels, readRoutes } from "./client.js";
import { Follow } from "./follow.js";
import { KeyDialog, KeyRing } from "./key.js";
import { Turn } from "./turn.js";

const SPOKEN_FOR_MS = 20_000;

const at = (id) => document.getElementById(id);
const form = at("composer");
const question = at("question");
const models = at("model");
const settings = at("settings");
const conversation = at("conversation");

const ring = new KeyRing();
const follow = new Follow(at("scroller"), at("to-end"));
const keys = new KeyDialog(at("key-dialog"), async (key) => {
  showModels(await listModels(key));
  keep(key);
});
const backends = new BackendsPanel(at("backends"), at("backend"), {
  model: () => models.value,
  read: (signal) => readRoutes(ring.key, signal),
  askForKey,
});

let turns = [];
let running = null; // the AbortController of the answer that is being written

async function send(text) {
  const turn = new Turn(text, at("turn"), { shown: () => follow.keep(), spoken: say });
  turns.push(turn);
  at("welcome").hidden = true;
  conversation.append(turn.root);
  await answer(turn);
}

async function answer(turn) {
  const controller = new AbortController();
  setRunning(controller);
  turn.begin();
  follow.toEnd();
  try {
    for await (const news of ask({ ...request(turn), signal: controller.signal })) turn.take(news);
    turn.complete();
  } catch (error) {
    if (controller.signal.aborted) turn.stopped();
    else turn.fail(error);
    if (error.status === 401 && !controller.signal.aborted) queueMicrotask(() => askAgainWithKey(turn));
  } finally {
    if (running === controller) setRunning(null);
    backends.refresh();
  }
}

function request(turn) {
  const before = turns.slice(0, turns.indexOf(turn)).filter(({ answer, failed }) => answer && !failed);
  const system = at("system-prompt").value.trim();
  const messages = [
    ...(system ? [{ role: "system", content: system }] : []),
    ...before.flatMap(({ question, answer }) => [
      { role: "user", content: question },
      { role: "assistant", content: answer },
    ]),
    { role: "user", content: turn.question },
  ];
  const temperature = at("temperature");
  const given = temperature.value !== "" && temperature.validity.valid;
  return { model: models.value || undefined, messages, temperature: given ? temperature.valueAsNumber : undefined, key: ring.key };
}

async function askAgainWithKey(turn) {
  if ((await askForKey()) && turn === turns.at(-1) && !running) await answer(turn);
  question.focus();
}

async function askForKey() {
  const accepted = await keys.ask(ring.key ? "The key in use is no longer accepted." : "");
  if (!accepted) notice("This app answers to those who have a key.", "Enter a key", askForKey);
  return accepted;
}

function keep(key) {
  ring.key = key;
  at("key-setting").hidden = !key;
}

async function loadModels() {
  try {
    showModels(await listModels(ring.key));
  } catch (error) {
    if (error.status === 401) await askForKey();
    else notice(`The models could not be listed. ${error.message}`, "Try again", loadModels);
  }
}

function showModels(names) {
  const chosen = models.value;
  models.replaceChildren(...names.map((name) => new Option(name, name)));
  if (names.includes(chosen)) models.value = chosen;
  models.disabled = false;
  at("notice").hidden = true;
}

function notice(text, action, act) {
  at("notice-text").textContent = text;
  at("notice-action").textContent = action;
  at("notice-action").onclick = () => act();
  at("notice").hidden = false;
}

function setRunning(controller) {
  running = controller;
  document.body.dataset.running = String(Boolean(controller));
  at("send").setAttribute("aria-label", controller ? "Stop the answer" : "Send");
  at("send").title = controller ? "Stop (Esc)" : "Send (Enter)";
}

function stop() {
  running?.abort();
}

function startOver() {
  stop();
  turns = [];
  conversation.replaceChildren();
  at("welcome").hidden = false;
  follow.toEnd();
  question.focus();
}

function submit() {
  const text = question.value.trim();
  if (!text || running) return;
  question.value = "";
  grow();
  send(text);
}

/** For screen readers: each finished part of an answer once, not every word as it comes. */
function say(text) {
  const line = document.createElement("p");
  line.textContent = text;
  at("spoken").append(line);
  setTimeout(() => line.remove(), SPOKEN_FOR_MS);
}

async function copy(button, text) {
  const label = button.querySelector("[data-label]") ?? button;
  label.textContent = (await toClipboard(text)) ? "Copied" : "Not copied";
  setTimeout(() => (label.textContent = "Copy"), 1500);
}

async function toClipboard(text) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    return copiedByCommand(text); // over plain HTTP there is no clipboard object
  }
}

function copiedByCommand(text) {
  const focused = document.activeElement;
  const field = document.createElement("textarea");
  field.value = text;
  field.className = "unseen";
  document.body.append(field);
  field.select();
  const done = document.execCommand("copy");
  field.remove();
  focused?.focus();
  return done;
}

function grow() {
  if (CSS.supports("field-sizing", "content")) return;
  question.style.height = "auto";
  question.style.height = `${question.scrollHeight}px`;
}

models.addEventListener("change", () => backends.show());
form.addEventListener("submit", (event) => event.preventDefault());
at("send").addEventListener("click", (event) => {
  if (!running) submit();
  else if (event.detail < 2) stop(); // the second click of a double click was not meant for Stop
});
question.addEventListener("input", grow);
question.addEventListener("keydown", (event) => {
  const composing = event.isComposing || event.keyCode === 229; // Enter that only ends a composed character
  if (event.key !== "Enter" || event.shiftKey || composing) return;
  event.preventDefault();
  submit();
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && running && !document.querySelector(":popover-open") && !at("key-dialog").open) stop();
});
conversation.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-act]");
  const turn = button && turns.find(({ root }) => root.contains(button));
  if (!turn) return;
  const act = button.dataset.act;
  if (act === "copy") copy(button, turn.answer);
  if (act === "copy-code") copy(button, button.closest(".code").querySelector("pre").textContent);
  if (act === "retry" && !running && turn === turns.at(-1)) {
    answer(turn);
    question.focus();
  }
});
at("welcome").addEventListener("click", (event) => {
  const suggestion = event.target.closest("button");
  if (!suggestion || running) return;
  send(suggestion.textContent.trim());
  question.focus();
});
at("start-over").addEventListener("click", startOver);
at("forget-key").addEventListener("click", () => {
  keep("");
  settings.hidePopover();
  loadModels();
});

keep(ring.key);
setRunning(null);
loadModels();
