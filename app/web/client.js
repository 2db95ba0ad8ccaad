// The app's API as the page uses it: which models there are, and an answer while it arrives.

import { events } from "./sse.js";

const API = new URL("../v1/", import.meta.url); // beside /web/, wherever the app is mounted

/** An answer that did not come, or did not come to its end. `status` is 0 where the server said nothing. */
export class Refusal extends Error {
  constructor(message, { code = "", status = 0, requestId = "", retryAfterS = 0 } = {}) {
    super(message);
    Object.assign(this, { code, status, requestId, retryAfterS });
  }
}

/** The names of the models that this key may use. Throws Refusal. */
export async function listModels(key) {
  const response = await call("models", { headers: authorization(key) });
  const { data } = await response.json().catch(() => ({}));
  if (!Array.isArray(data)) throw new Refusal("the list of models is not one", traceOf(response));
  return data.map((model) => String(model.id));
}

/** The routes as `GET /v1/routes` tells them: {default_model, models}. Throws Refusal, and what aborted `signal`. */
export async function readRoutes(key, signal) {
  const response = await call("routes", { headers: authorization(key), signal });
  const routes = await response.json().catch(() => null);
  signal.throwIfAborted();
  if (!routes?.models) throw new Refusal("the list of routes is not one", traceOf(response));
  return routes;
}

/**
 * An answer, as a series of: {origin} once, {thinking}, {text}, {finish}, {tokens}, {summary}.
 * Throws Refusal, and AbortError when `signal` stopped it.
 */
export async function* ask({ model, messages, temperature, key, signal }) {
  const body = { model, messages, temperature, stream: true, stream_options: { include_usage: true } };
  const headers = { "content-type": "application/json", ...authorization(key) };
  const response = await call("chat/completions", { method: "POST", headers, body: JSON.stringify(body), signal });
  yield { origin: originOf(response) };
  try {
    yield* read(response);
  } catch (error) {
    if (signal.aborted || error instanceof Refusal) throw error;
    throw new Refusal("the connection broke before the answer was complete", { ...traceOf(response), code: "cut" });
  }
}

async function* read(response) {
  for await (const { data, comment } of events(response.body)) {
    if (comment?.startsWith("trimaran ")) yield { summary: parsed(comment.slice(9), response) };
    if (data === undefined) continue;
    if (data === "[DONE]") return;
    const chunk = parsed(data, response);
    if (chunk.error) throw refusal(chunk.error, response);
    if (chunk.usage) yield { tokens: { in: chunk.usage.prompt_tokens, out: chunk.usage.completion_tokens } };
    const choice = chunk.choices?.[0];
    const { content, refusal: declined, reasoning_content: thought, reasoning } = choice?.delta ?? {};
    if (thought || reasoning) yield { thinking: true };
    if (content || declined) yield { text: content || declined };
    if (choice?.finish_reason) yield { finish: choice.finish_reason };
  }
  throw new Refusal("the answer ended half-way", { ...traceOf(response), code: "cut" });
}

function parsed(text, response) {
  try {
    return JSON.parse(text) ?? {};
  } catch {
    throw new Refusal("the server sent something unreadable", { ...traceOf(response), code: "garbled" });
  }
}

async function call(path, options) {
  let response;
  try {
    response = await fetch(new URL(path, API), { ...options, cache: "no-store" });
  } catch (error) {
    if (options.signal?.aborted) throw error;
    throw new Refusal("Check the connection, then try again.");
  }
  if (response.ok) return response;
  const { error } = await response.json().catch(() => ({}));
  throw refusal(error ?? { message: `the server answered ${response.status} ${response.statusText}`.trimEnd() }, response);
}

function refusal(error, response) {
  const { message = "the server gave no reason", code } = typeof error === "string" ? { message: error } : error;
  const retryAfterS = Number(response.headers.get("retry-after")) || 0;
  return new Refusal(String(message), { ...traceOf(response), code: String(code ?? ""), retryAfterS });
}

function traceOf(response) {
  return { status: response.ok ? 0 : response.status, requestId: response.headers.get("x-request-id") ?? "" };
}

function originOf({ headers }) {
  return {
    backend: headers.get("x-trimaran-backend") ?? "",
    attempts: Number(headers.get("x-trimaran-attempts")) || 1,
    degraded: headers.get("x-trimaran-degraded") ?? "",
  };
}

function authorization(key) {
  return key ? { authorization: `Bearer ${key}` } : {};
}
