// How an answer's Markdown is read: the library, and what of it holds here. HTML is text, never markup; a link leads to http or https.

import MarkdownIt from "./vendor/markdown-it.js";

const markdown = new MarkdownIt({ html: false, linkify: true });
// Indented code and underlined headings are seldom meant: models indent and draw lines otherwise. What a reference stands for may come
// when its place in the answer is long shown, so there are none.
markdown.disable(["code", "lheading", "reference"]);
markdown.linkify.set({ fuzzyLink: false, fuzzyEmail: false });
markdown.normalizeLink = (address) => safeAddress(address) ?? "";
markdown.normalizeLinkText = (address) => address; // as it was written: decoded, a host can look like another
markdown.validateLink = (address) => address !== "";
markdown.core.ruler.at("inline", inline);
markdown.inline.ruler.before("backticks", "growing_code", growingCode);
markdown.inline.ruler2.after("balance_pairs", "growing_strong", growingStrong);

/**
 * The blocks of `text`, each with its `tokens`, `from`, the index of its first line, and `units`, those of its items, rows or lines of code.
 * `growing`: more text may follow, so that code and strong emphasis without an end reach to the end of what there is.
 */
export function blocks(text, growing) {
  const found = [];
  for (const token of markdown.parse(text, { growing })) {
    if (token.level === 0 && token.nesting >= 0) found.push({ kind: token.type, from: token.map[0], units: [], tokens: [] });
    const block = found.at(-1);
    block.tokens.push(token);
    if (isUnit(token, block)) block.units.push(token.map[0]);
    if (block.kind === "fence") for (let line = block.from + 1; line < token.map[1]; line += 1) block.units.push(line);
  }
  return found;
}

function isUnit({ type, level, map }, { kind, from }) {
  if (kind === "table_open") return type === "tr_open" && map[0] > from; // the first row is the head
  return type === "list_item_open" && level === 1;
}

/** The address when it is safe to open, else null. Names and passwords in it are refused: they serve to disguise the host. */
function safeAddress(address) {
  let url;
  try {
    url = new URL(address);
  } catch {
    return null;
  }
  const isWeb = url.protocol === "https:" || url.protocol === "http:";
  return isWeb && !url.username && !url.password ? url.href : null;
}

/** In place of the library's own rule: only the text that ends where the answer ends so far is growing. */
function inline({ src, env, md, tokens }) {
  const end = src.split("\n").length - (src.endsWith("\n") ? 1 : 0);
  for (const { type, content, map, children } of tokens) {
    if (type === "inline") md.inline.parse(content, md, { growing: env.growing && map?.[1] === end }, children);
  }
}

/** A single ` without another, while the text grows: code up to the end. */
function growingCode(state, silent) {
  const { src, pos, posMax } = state;
  if (!state.env.growing || src[pos] !== "`" || src[pos + 1] === "`" || src[pos - 1] === "`") return false;
  if (endsCode(state)) return false;
  if (!silent) state.push("code_inline", "code", 0).content = src.slice(pos + 1, posMax).replaceAll("\n", " ");
  state.pos = posMax;
  return true;
}

function endsCode({ src, pos, posMax }) {
  const single = /(?<!`)`(?!`)/g;
  single.lastIndex = pos + 1;
  const end = single.exec(src);
  return end !== null && end.index < posMax;
}

/** The first ** (or __, or ~~) without another, while the text grows: its end is put behind the last sign. */
function growingStrong(state) {
  const { delimiters, tokens } = state;
  const open = state.env.growing ? unclosed(delimiters) : [];
  const end = delimiters.length + open.length - 1;
  open.forEach((index, nth) => {
    state.push("text", "", 0);
    const { marker } = delimiters[index];
    delimiters.push({ marker, length: 0, token: tokens.length - 1, end: -1, open: false, close: false });
    delimiters[index].end = end - nth;
  });
}

/** The indices of the delimiters that the first open strong emphasis begins with; none within what is closed, where it would reach out of. */
function unclosed(delimiters) {
  for (let at = 0; at < delimiters.length; at += 1) {
    const [one, two] = [delimiters[at], delimiters[at + 1]];
    if (one.end > at) at = one.end;
    else if (one.open && one.marker === TILDE) return [at];
    else if (one.open && one.length === 2 && two?.token === one.token + 1 && two.marker === one.marker && two.end < 0) return [at, at + 1];
  }
  return [];
}

const TILDE = "~".charCodeAt(0);
