// Which blocks a Markdown text is made of: the part of CommonMark and GFM that models write. HTML is text here, never markup.
// Every loop is linear in the text (no expression backtracks over it), because the text is whatever a model sends.

const DEEPEST = 6; // lists and quotes nested deeper are read as paragraphs

const FENCE = /^ *(`{3,}|~{3,})([^`]*)$/;
const HEADING = /^ {0,3}(#{1,6})(?= |\t|$)/;
const RULE = /^ {0,3}([-*_])(?:[ \t]*\1){2,}[ \t]*$/;
const QUOTE = /^ {0,3}> ?/;
const ITEM = /^( *)([-*+]|(\d{1,9})[.)])(?: {1,4}(?! )| |$)/;

/**
 * The blocks of `lines`, each with `from`, the index of its first line.
 * Kinds: code {language, text}, heading {level, text}, rule, quote {blocks}, list {start, items: [blocks]}, table {rows}, paragraph {text}.
 */
export function blocks(lines, depth = 0) {
  const found = [];
  let at = 0;
  while (at < lines.length) {
    if (isBlank(lines[at])) {
      at += 1;
      continue;
    }
    const [block, next] = blockAt(lines, at, depth);
    found.push({ ...block, from: at });
    at = next;
  }
  return found;
}

function blockAt(lines, at, depth) {
  const line = lines[at];
  const fence = FENCE.exec(line);
  if (fence) return code(lines, at, fence);
  const heading = HEADING.exec(line);
  if (heading) return [{ kind: "heading", level: heading[1].length, text: headingText(line, heading[0].length) }, at + 1];
  if (RULE.test(line)) return [{ kind: "rule" }, at + 1];
  if (depth < DEEPEST && QUOTE.test(line)) return quote(lines, at, depth);
  if (depth < DEEPEST && ITEM.test(line)) return list(lines, at, depth);
  if (isTable(lines, at)) return table(lines, at);
  return paragraph(lines, at, depth);
}

function code(lines, at, [, marks, info]) {
  const indent = lines[at].indexOf(marks[0]);
  let end = at + 1;
  while (end < lines.length && !closes(lines[end], marks)) end += 1;
  const text = lines.slice(at + 1, end).map((line) => dedent(line, indent));
  return [{ kind: "code", language: info.trim().split(/\s/, 1)[0], text: text.join("\n") }, end + 1];
}

function closes(line, marks) {
  const trimmed = line.trim();
  return trimmed.length >= marks.length && trimmed === marks[0].repeat(trimmed.length);
}

function headingText(line, from) {
  const text = line.slice(from).trim();
  let end = text.length;
  while (text[end - 1] === "#") end -= 1;
  return end === 0 || text[end - 1] === " " ? text.slice(0, end).trimEnd() : text;
}

function quote(lines, at, depth) {
  const inner = [];
  let end = at;
  while (end < lines.length && QUOTE.test(lines[end])) {
    inner.push(lines[end].replace(QUOTE, ""));
    end += 1;
  }
  return [{ kind: "quote", blocks: blocks(inner, depth + 1) }, end];
}

function list(lines, at, depth) {
  const first = ITEM.exec(lines[at]);
  const base = first[1].length;
  const ordered = first[3] !== undefined;
  const items = [];
  let item = [];
  let inset = 0;
  let end = at;
  for (let next = at; next < lines.length; next += 1) {
    const line = lines[next];
    if (isBlank(line)) {
      item.push("");
      continue;
    }
    const indent = indentOf(line);
    const mark = indent < base + 2 && !RULE.test(line) ? ITEM.exec(line) : null;
    if (mark && (mark[3] !== undefined) === ordered) {
      item = [line.slice(mark[0].length)];
      items.push(item);
      inset = mark[0].length;
    } else if (indent >= base + 2) {
      item.push(dedent(line, inset)); // models indent by 2 to 4, whatever the marker's width
    } else if (!mark && !isBlank(lines[next - 1]) && !interrupts(lines, next, depth)) {
      item.push(line);
    } else {
      break;
    }
    end = next + 1;
  }
  const inner = items.map((own) => blocks(own, depth + 1));
  return [{ kind: "list", start: ordered ? Number(first[3]) : null, items: inner }, end];
}

function isTable(lines, at) {
  if (!lines[at].includes("|") || at + 1 >= lines.length || !lines[at + 1].includes("-")) return false;
  const rule = cells(lines[at + 1]);
  return rule.every((cell) => /^:?-+:?$/.test(cell)) && rule.length === cells(lines[at]).length;
}

function table(lines, at) {
  const width = cells(lines[at]).length;
  const rows = [cells(lines[at])];
  let end = at + 2;
  while (end < lines.length && lines[end].includes("|")) {
    const row = cells(lines[end]);
    rows.push(Array.from({ length: width }, (_, column) => row[column] ?? ""));
    end += 1;
  }
  return [{ kind: "table", rows }, end];
}

function cells(line) {
  const trimmed = line.trim();
  const inner = trimmed.slice(trimmed.startsWith("|") ? 1 : 0, trimmed.endsWith("|") ? -1 : undefined);
  return inner.split("|").map((cell) => cell.trim());
}

function paragraph(lines, at, depth) {
  let end = at + 1;
  while (end < lines.length && !isBlank(lines[end]) && !interrupts(lines, end, depth)) end += 1;
  return [{ kind: "paragraph", text: lines.slice(at, end).map((line) => line.trim()).join("\n") }, end];
}

function interrupts(lines, at, depth) {
  const line = lines[at];
  if (FENCE.test(line) || HEADING.test(line) || RULE.test(line) || isTable(lines, at)) return true;
  if (depth >= DEEPEST) return false;
  const item = ITEM.exec(line);
  const opensList = item && item[0].length < line.length && (item[3] === undefined || item[3] === "1");
  return Boolean(opensList) || QUOTE.test(line);
}

function isBlank(line) {
  return line.trim() === "";
}

function indentOf(line) {
  return line.length - line.trimStart().length;
}

function dedent(line, most) {
  return line.slice(Math.min(indentOf(line), most));
}
