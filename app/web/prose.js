// An answer's Markdown as DOM nodes, while it grows. Text only ever becomes text nodes; no string is parsed as HTML.

import { blocks } from "./markdown.js";

// A last line that may yet turn into a list item, a heading, a fence or a table waits for its next sign rather than flash up as text.
const UNDECIDED = /^\s*(?:\d{1,9}[.)]?|[-*+]{1,2}|#{1,6}|[`~]{1,3}[\w+-]*|>|\|)?\s?$/;

/** Renders into `root`. What is complete is never touched again, so a reader's selection and place stay. */
export class Prose {
  #root;
  #settled;
  #tail = ""; // the text of the blocks that may still change
  #open = []; // their elements
  #kept = 0; // how many units of the first of them are complete, and no longer in the tail

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
    const found = final ? blocks(this.#tail, false) : decided(lines);
    found.forEach((block, index) => this.#show(index, build(block.tokens)));
    this.#open.splice(found.length).forEach((element) => element.remove());
    const count = final ? found.length : changeless(found.map(({ from }) => from), lines);
    this.#open.splice(0, count).forEach((element) => this.#settled(element));
    if (count) this.#kept = 0;
    if (final) this.#tail = "";
    else if (count) this.#tail = lines.slice(found[count].from).join("\n");
    else if (found.length === 1) this.#keep(found[0], lines);
  }

  /** Lets go of the text of complete units, all but what stands before the first: a table's head, the line that opens a fence. */
  #keep({ from, units }, lines) {
    const count = changeless(units, lines);
    if (!count) return;
    this.#kept += count;
    this.#tail = [...lines.slice(from, units[0]), ...lines.slice(units[count])].join("\n");
  }

  #show(index, fresh) {
    const old = this.#open[index];
    const kept = index === 0 ? this.#kept : 0;
    if (kept) bringUpChildren(shelf(old), shelf(fresh), kept);
    else if (old?.nodeName === fresh.nodeName) bringUp(old, fresh);
    else {
      if (old) old.replaceWith(fresh);
      else this.#root.append(fresh);
      this.#open[index] = fresh;
    }
  }
}

/** The blocks of an answer that goes on, without what may yet turn into something else. */
function decided(lines) {
  const found = blocks((UNDECIDED.test(lines.at(-1)) ? lines.slice(0, -1) : lines).join("\n"), true);
  const last = found.at(-1);
  const mayBeTable = last?.kind === "paragraph_open" && lines.length - last.from <= 2 && lines[last.from].startsWith("|");
  return mayBeTable ? found.slice(0, -1) : found;
}

/** How many of what begins in the lines `starts` can no longer change: a later one has begun, and with a whole line, which is what it is. */
function changeless(starts, lines) {
  if (!starts.length) return 0;
  return Math.max(0, starts.length - (starts.at(-1) < lines.length - 1 ? 1 : 2));
}

/** Where the units of an element stand: items, rows or lines of code. A list is not searched: that would take longer with each item. */
function shelf(element) {
  if (element.nodeName !== "DIV") return element;
  return element.querySelector(":scope > table > tbody, :scope > pre > code") ?? element;
}

/** Makes `old` equal to `fresh` by changing as little as can be: what stays equal stays the same node. */
function bringUp(old, fresh) {
  if (old.nodeType === Node.TEXT_NODE) {
    if (fresh.data.startsWith(old.data)) old.appendData(fresh.data.slice(old.data.length));
    else old.data = fresh.data;
    return;
  }
  for (const { name, value } of fresh.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  bringUpChildren(old, fresh);
}

/** `kept`: so many children of `old` stay as they are; those of `fresh` come behind them. */
function bringUpChildren(old, fresh, kept = 0) {
  const wanted = [...fresh.childNodes];
  const present = Array.from({ length: old.childNodes.length - kept }, (_, index) => old.childNodes[kept + index]);
  wanted.forEach((node, index) => {
    const own = present[index];
    if (!own) old.append(node);
    else if (own.nodeName !== node.nodeName) own.replaceWith(node);
    else if (!own.isEqualNode(node)) bringUp(own, node);
  });
  present.slice(wanted.length).forEach((node) => node.remove());
}

/** The element that the tokens of one block, or of one line of text, describe; a fragment where there are several. */
function build(tokens) {
  const root = document.createDocumentFragment();
  const path = [root];
  for (const token of tokens) {
    const into = path.at(-1);
    if (token.nesting > 0) path.push(opened(token, into));
    else if (token.nesting < 0) path.pop();
    else into.append(leaf(token));
  }
  return root.childNodes.length === 1 ? root.firstChild : root;
}

/** The element for what a token opens, put into `into`. The first paragraph of an item needs none. */
function opened(token, into) {
  if (token.type === "paragraph_open" && into.nodeName === "LI" && !into.hasChildNodes()) return into;
  const made = container(token);
  into.append(token.type === "table_open" ? wide(made) : made);
  return made;
}

function container(token) {
  switch (token.type) {
    case "heading_open":
      return element(`h${Math.min(6, Number(token.tag[1]) + 2)}`); // h1 and h2 are the page's own
    case "ordered_list_open":
      return element("ol", token.attrGet("start") === null ? {} : { start: token.attrGet("start") });
    case "th_open":
    case "td_open":
      return element(token.tag, alignment(token));
    case "link_open":
      return token.attrGet("href") ? element("a", linkTo(token.attrGet("href"))) : element("span");
    case "s_open":
      return element("del");
    default:
      return element(token.tag);
  }
}

function leaf(token) {
  switch (token.type) {
    case "inline":
      return build(token.children);
    case "fence":
      return codeBlock(token.info.trim().split(/\s/, 1)[0], token.content.replace(/\n$/, ""));
    case "hr":
      return element("hr");
    case "softbreak":
    case "hardbreak":
      return element("br");
    case "code_inline":
      return element("code", {}, [token.content]);
    case "image":
      return picture(token);
    default:
      return document.createTextNode(token.content);
  }
}

/** A picture is not fetched, only linked: its address could tell others what was said here. */
function picture(token) {
  const address = token.attrGet("src");
  const label = token.children.length ? build(token.children) : address;
  return address ? element("a", linkTo(address), [label]) : element("span", {}, [label]);
}

function codeBlock(language, text) {
  const label = element("span", {}, [language || "text"]);
  const copy = element("button", { type: "button", class: "quiet", "data-act": "copy-code" }, ["Copy"]);
  const code = element("pre", { tabindex: "0", "aria-label": `Code, ${language || "text"}` }, [
    element("code", {}, text.split(/(?<=\n)/).map((line) => document.createTextNode(line))),
  ]);
  return element("div", { class: "code", dir: "ltr" }, [element("div", { class: "code-bar" }, [label, copy]), code]);
}

function wide(table) {
  return element("div", { class: "wide", tabindex: "0", role: "group", "aria-label": "Table" }, [table]);
}

/** The library says it as a style, which the page's policy forbids. */
function alignment(token) {
  const side = /right|center/.exec(token.attrGet("style") ?? "");
  return side ? { class: side[0] } : {};
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
