// The text inside a block: code spans, emphasis, links. Gives a tree; a link is one only if it leads to http or https.

const DEEPEST = 6;
const SPECIAL = /[\\`*_~[!<\n]|https?:\/\//g;
const PUNCTUATION = /[!-/:-@[-`{-~]/;
const TARGET = /\(\s{0,9}<?([^\s<>()]{0,2000}(?:\([^\s<>()]{0,200}\)[^\s<>()]{0,2000}){0,9})>?(?:\s{1,9}(?:"[^"]{0,300}"|'[^']{0,300}'))?\s{0,9}\)/y;
const ANGLED = /<(https?:\/\/[^\s<>]{1,2000})>/y;
const BARE = /https?:\/\/[^\s<>"'`]{1,2000}/y;

/**
 * The pieces of `text`: strings, and {kind: "code" | "strong" | "em" | "del" | "link" | "break"} with `text`, `pieces`, `href`.
 * `growing`: more text may follow, so that code and strong emphasis without an end reach to the end of what there is.
 */
export function pieces(text, { depth = 0, linked = false, growing = false } = {}) {
  return new Reader(text, depth, linked, growing).read();
}

/** The address when it is safe to open, else null. Names and passwords in it are refused: they serve to disguise the host. */
export function safeAddress(href) {
  let url;
  try {
    url = new URL(href);
  } catch {
    return null;
  }
  const isWeb = url.protocol === "https:" || url.protocol === "http:";
  return isWeb && !url.username && !url.password ? url.href : null;
}

class Reader {
  #text;
  #depth;
  #linked;
  #growing;
  #found = [];
  #plain = "";
  #at = 0;
  #unclosed = new Set(); // marks that have no end in the rest of the text: looked for once, not once per mark
  #brackets = null;

  constructor(text, depth, linked, growing) {
    this.#text = text;
    this.#depth = depth;
    this.#linked = linked;
    this.#growing = growing;
  }

  read() {
    const text = this.#text;
    while (this.#at < text.length) {
      SPECIAL.lastIndex = this.#at;
      const special = SPECIAL.exec(text);
      const next = special ? special.index : text.length;
      this.#plain += text.slice(this.#at, next);
      this.#at = next;
      if (special && !this.#take(special[0])) {
        this.#plain += text[this.#at];
        this.#at += 1;
      }
    }
    this.#flush();
    return this.#found;
  }

  /** Whether something more than a plain character stands here; if so it has been read. */
  #take(special) {
    switch (special) {
      case "\\":
        return this.#escape();
      case "`":
        return this.#code();
      case "*":
      case "_":
      case "~":
        return this.#emphasis(special);
      case "[":
        return this.#link(this.#at);
      case "!":
        return this.#text[this.#at + 1] === "[" && this.#link(this.#at + 1); // an image is not fetched, only linked
      case "<":
        return this.#address(ANGLED);
      case "\n":
        return this.#break();
      default:
        return this.#address(BARE);
    }
  }

  #escape() {
    const escaped = this.#text[this.#at + 1] ?? "";
    if (!PUNCTUATION.test(escaped)) return false;
    this.#plain += escaped;
    this.#at += 2;
    return true;
  }

  #break() {
    this.#plain = this.#plain.trimEnd();
    this.#push({ kind: "break" }, this.#at + 1);
    return true;
  }

  #code() {
    const size = runAt(this.#text, this.#at);
    let end = this.#codeEnd(this.#at, size);
    if (end < 0 && this.#growing && size === 1) end = this.#text.length;
    if (end < 0) {
      this.#plain += "`".repeat(size);
      this.#at += size;
      return true;
    }
    let text = this.#text.slice(this.#at + size, end).replaceAll("\n", " ");
    if (text.length > 2 && text.startsWith(" ") && text.endsWith(" ") && text.trim()) text = text.slice(1, -1);
    this.#push({ kind: "code", text }, end + size);
    return true;
  }

  #codeEnd(from, size) {
    const mark = "`".repeat(size);
    if (this.#unclosed.has(mark)) return -1;
    for (let at = this.#text.indexOf(mark, from + size); at >= 0; ) {
      const run = runAt(this.#text, at);
      if (run === size) return at;
      at = this.#text.indexOf(mark, at + run);
    }
    this.#unclosed.add(mark);
    return -1;
  }

  #emphasis(mark) {
    const text = this.#text;
    const run = runAt(text, this.#at);
    const opens = isInk(text[this.#at + run]) && !(mark === "_" && isWord(text[this.#at - 1]));
    const size = Math.min(run, mark === "~" ? 2 : 3);
    const possible = opens && this.#depth < DEEPEST && run <= 3 && !(mark === "~" && run !== 2);
    let end = possible ? this.#closing(this.#at + run, mark, size) : -1;
    if (end < 0 && possible && this.#growing && size === 2) end = text.length;
    if (end < 0) {
      this.#plain += text.slice(this.#at, this.#at + run);
      this.#at += run;
      return true;
    }
    let inner = pieces(text.slice(this.#at + size, end), { depth: this.#depth + 1, linked: this.#linked });
    if (size === 3) inner = [{ kind: "em", pieces: inner }];
    this.#push({ kind: mark === "~" ? "del" : size === 1 ? "em" : "strong", pieces: inner }, end + size);
    return true;
  }

  /** Where the run that ends an emphasis of `size` marks begins; code spans and escapes are passed over. */
  #closing(from, mark, size) {
    const key = mark.repeat(size);
    if (this.#unclosed.has(key)) return -1;
    const text = this.#text;
    for (let at = from; at < text.length; at += 1) {
      const sign = text[at];
      if (sign === "\\") at += 1;
      else if (sign === "`") at = this.#behindCode(at) - 1;
      else if (sign === mark) {
        const run = runAt(text, at);
        const closes = isInk(text[at - 1]) && !(mark === "_" && isWord(text[at + run]));
        if (closes && (run === size || run === 3)) return at + run - size;
        at += run - 1;
      }
    }
    this.#unclosed.add(key);
    return -1;
  }

  #behindCode(at) {
    const size = runAt(this.#text, at);
    const end = this.#codeEnd(at, size);
    return end < 0 ? at + size : end + size;
  }

  #link(open) {
    this.#brackets ??= pairs(this.#text);
    const close = this.#brackets.get(open);
    if (close === undefined || this.#linked || this.#depth >= DEEPEST) return false;
    TARGET.lastIndex = close + 1;
    const target = TARGET.exec(this.#text);
    const href = target && safeAddress(target[1]);
    if (!href) return false;
    const label = this.#text.slice(open + 1, close).trim() || target[1];
    this.#push({ kind: "link", href, pieces: pieces(label, { depth: this.#depth + 1, linked: true }) }, TARGET.lastIndex);
    return true;
  }

  #address(expression) {
    expression.lastIndex = this.#at;
    const match = this.#linked ? null : expression.exec(this.#text);
    if (!match) return false;
    const angled = expression === ANGLED;
    const shown = angled ? match[1] : withoutTail(match[0]);
    const href = safeAddress(shown);
    if (!href) return false;
    this.#push({ kind: "link", href, pieces: [shown] }, this.#at + shown.length + (angled ? 2 : 0));
    return true;
  }

  #push(piece, next) {
    this.#flush();
    this.#found.push(piece);
    this.#at = next;
  }

  #flush() {
    if (this.#plain) this.#found.push(this.#plain);
    this.#plain = "";
  }
}

/** Which `[` belongs to which `]`. */
function pairs(text) {
  const found = new Map();
  const open = [];
  for (let at = 0; at < text.length; at += 1) {
    if (text[at] === "\\") at += 1;
    else if (text[at] === "[") open.push(at);
    else if (text[at] === "]" && open.length) found.set(open.pop(), at);
  }
  return found;
}

/** An address in running text, without the punctuation that ends its sentence; a bracket stays if it was opened within. */
function withoutTail(address) {
  let unopened = address.split(")").length - address.split("(").length;
  let end = address.length;
  for (;;) {
    const last = address[end - 1];
    if (last === ")" ? unopened <= 0 : !".,;:!?*_~]}".includes(last)) return address.slice(0, end);
    if (last === ")") unopened -= 1;
    end -= 1;
  }
}

function runAt(text, at) {
  let end = at + 1;
  while (text[end] === text[at]) end += 1;
  return end - at;
}

function isInk(sign) {
  return sign !== undefined && sign.trim() !== "";
}

function isWord(sign) {
  return sign !== undefined && /[\p{L}\p{N}_]/u.test(sign);
}
