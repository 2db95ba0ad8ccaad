// An answer's Markdown as DOM nodes, while it grows. Text only ever becomes text nodes; no string is parsed as HTML.

import { blocks } from "./markdown.js";
import { pieces } from "./inline.js";

// A last line that may yet turn into a list item, a heading, a fence or a table waits for its next sign rather than flash up as text.
const UNDECIDED = /^\s*(?:\d{1,9}[.)]?|[-*+]{1,2}|#{1,6}|[`~]{1,3}[\w+-]*|>|\|)?\s?$/;

/** Renders into `root`. Blocks that are complete are never touched again, so a reader's selection and place stay. */
export class Prose {
  #root;
  #settled;
  #tail = ""; // the text of the blocks that may still change
  #open = []; // their elements

  /** `settled` is told of each element that will not change any more. */
  constructor(root, settled = () => {}) {
    this.#root = root;
    this.#settled = settled;
  }

  /** Takes more text; shows nothing until `render`. */
  append(text) {
    this.#tail += text.replaceAll("\r", "");
  }

  /** Brings the page up to date. `final`: nothing more will come. */
  render(final = false) {
    const lines = this.#tail.split("\n");
    const found = blocks(!final && UNDECIDED.test(lines.at(-1)) ? lines.slice(0, -1) : lines);
    found.forEach((block, index) => this.#show(index, build(block, !final && index === found.length - 1)));
    this.#open.splice(found.length).forEach((element) => element.remove());
    const count = final ? found.length : changeless(found, lines);
    this.#open.splice(0, count).forEach((element) => this.#settled(element));
    if (final) this.#tail = "";
    else if (count) this.#tail = lines.slice(found[count].from).join("\n");
  }

  #show(index, fresh) {
    const old = this.#open[index];
    if (!old) this.#root.append(fresh);
    else if (old.nodeName === fresh.nodeName) {
      bringUp(old, fresh);
      return;
    } else old.replaceWith(fresh);
    this.#open[index] = fresh;
  }
}

/** How many blocks can no longer change: a later one has begun, and with a whole line, which cannot turn into something else. */
function changeless(found, lines) {
  const last = found.at(-1);
  if (!last) return 0;
  return Math.max(0, found.length - (last.from < lines.length - 1 ? 1 : 2));
}

/** Makes `old` equal to `fresh` by changing as little as can be: what stays equal stays the same node. */
function bringUp(old, fresh) {
  if (old.nodeType === Node.TEXT_NODE) {
    if (fresh.data.startsWith(old.data)) old.appendData(fresh.data.slice(old.data.length));
    else old.data = fresh.data;
    return;
  }
  for (const { name, value } of fresh.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  const wanted = [...fresh.childNodes];
  const present = [...old.childNodes];
  wanted.forEach((node, index) => {
    const own = present[index];
    if (!own) old.append(node);
    else if (own.nodeName !== node.nodeName) own.replaceWith(node);
    else if (!own.isEqualNode(node)) bringUp(own, node);
  });
  present.slice(wanted.length).forEach((node) => node.remove());
}

/** `growing`: the block's text may go on, so that a mark without an end is taken to have one. */
function build(block, growing = false) {
  switch (block.kind) {
    case "code":
      return codeBlock(block);
    case "heading":
      return element(`h${Math.min(6, block.level + 2)}`, {}, inline(block.text, growing)); // h1 and h2 are the page's own
    case "rule":
      return element("hr");
    case "quote":
      return element("blockquote", {}, block.blocks.map((own) => build(own, growing)));
    case "list":
      return element(block.start === null ? "ul" : "ol", startOf(block), block.items.map((own) => item(own, growing)));
    case "table":
      return table(block.rows);
    default:
      return element("p", {}, inline(block.text, growing));
  }
}

function codeBlock({ language, text }) {
  const label = element("span", {}, [language || "text"]);
  const copy = element("button", { type: "button", class: "quiet", "data-act": "copy-code" }, ["Copy"]);
  const code = element("pre", { tabindex: "0", "aria-label": `Code, ${language || "text"}` }, [
    element("code", {}, [document.createTextNode(text)]),
  ]);
  return element("div", { class: "code", dir: "ltr" }, [element("div", { class: "code-bar" }, [label, copy]), code]);
}

function startOf({ start }) {
  return start === null || start === 1 ? {} : { start: String(start) };
}

function item([first, ...rest], growing) {
  const head = first?.kind === "paragraph" ? inline(first.text, growing) : first ? [build(first, growing)] : [];
  return element("li", {}, [...head, ...rest.map((block) => build(block, growing))]);
}

function table([head, ...rows]) {
  const row = (name, cells) => element("tr", {}, cells.map((cell) => element(name, {}, inline(cell))));
  const grid = element("table", {}, [
    element("thead", {}, [row("th", head)]),
    element("tbody", {}, rows.map((cells) => row("td", cells))),
  ]);
  return element("div", { class: "wide", tabindex: "0", role: "group", "aria-label": "Table" }, [grid]);
}

function inline(text, growing = false) {
  return pieces(text, { growing }).map(piece);
}

function piece(part) {
  if (typeof part === "string") return document.createTextNode(part);
  switch (part.kind) {
    case "break":
      return element("br");
    case "code":
      return element("code", {}, [part.text]);
    case "link":
      return element("a", linkTo(part.href), part.pieces.map(piece));
    default:
      return element(part.kind, {}, part.pieces.map(piece));
  }
}

function linkTo(href) {
  return { href, title: href, target: "_blank", rel: "noopener noreferrer nofollow" };
}

function element(name, attributes = {}, children = []) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}
