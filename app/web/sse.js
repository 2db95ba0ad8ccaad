// Server-sent events out of a byte stream, as the HTML standard's section 9.2 reads them; comments are handed on too,
// because the server's last word on an answer comes in one.

/**
 * Each event or comment of `stream`, as {data} or {comment}. An event that the stream's end cuts is dropped.
 * @param {ReadableStream<Uint8Array>} stream
 */
export async function* events(stream) {
  const reader = stream.getReader();
  const decoder = new TextDecoder();
  const parser = new Parser();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield* parser.push(decoder.decode(value, { stream: true }));
    }
  } finally {
    reader.cancel().catch(() => {}); // reading stopped early: the connection is of no more use
  }
}

/** Takes text in pieces of any size and gives what is complete. Lines end with LF, CRLF or CR, wherever a piece ends. */
export class Parser {
  #line = [];
  #data = [];
  #afterCr = false;

  *push(text) {
    let from = 0;
    if (this.#afterCr && text.startsWith("\n")) from = 1;
    if (text) this.#afterCr = false;
    for (;;) {
      const end = lineEnd(text, from);
      if (end < 0) break;
      this.#line.push(text.slice(from, end));
      const found = this.#take(this.#line.join(""));
      this.#line = [];
      if (found) yield found;
      from = end + 1;
      if (text[end] === "\r") {
        if (from === text.length) this.#afterCr = true;
        else if (text[from] === "\n") from += 1;
      }
    }
    if (from < text.length) this.#line.push(text.slice(from));
  }

  #take(line) {
    if (line === "") {
      const data = this.#data;
      this.#data = [];
      return data.length ? { data: data.join("\n") } : null;
    }
    if (line.startsWith(":")) return { comment: line.slice(1).trimStart() };
    if (line.startsWith("data:")) this.#data.push(line.slice(line[5] === " " ? 6 : 5));
    return null;
  }
}

function lineEnd(text, from) {
  const lf = text.indexOf("\n", from);
  const cr = text.slice(from, lf < 0 ? undefined : lf).indexOf("\r");
  return cr < 0 ? lf : from + cr;
}
