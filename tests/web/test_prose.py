"""What a model writes becomes text and harmless markup, however it is cut into pieces and whatever it tries."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.web.actions import ask_and_wait
from tests.web.conftest import Visit
from tests.web.running import App
from tests.web.scripts import HOSTILE, MARKDOWN

RENDER = """async ([text, size]) => {
  const { Prose } = await import("/web/prose.js");
  const root = document.createElement("div");
  const prose = new Prose(root);
  for (let at = 0; at < text.length; at += size) {
    prose.append(text.slice(at, at + size));
    prose.render();
  }
  prose.render(true);
  return root.innerHTML;
}"""

GROW = """async (text) => {
  const { Prose } = await import("/web/prose.js");
  const root = document.createElement("div");
  const prose = new Prose(root);
  const seen = [];
  for (const sign of text) {
    prose.append(sign);
    prose.render();
    seen.push(root.innerHTML);
  }
  return seen;
}"""

PARSE = """async (bytes) => {
  const { events } = await import("/web/sse.js");
  const found = [];
  for (let cut = 1; cut < bytes.length; cut += 1) {
    const parts = [bytes.slice(0, cut), bytes.slice(cut)].map((part) => new Uint8Array(part));
    const stream = new ReadableStream({
      start(controller) { parts.forEach((part) => controller.enqueue(part)); controller.close(); },
    });
    const seen = [];
    for await (const event of events(stream)) seen.push(event);
    found.push(seen);
  }
  return found;
}"""


STREAM = (
    b": ping\n\n"
    b'data: {"text": "gr\xc3\xbc\xc3\x9fe \xf0\x9f\x9b\xa5"}\r\n\r\n'
    b"event: message\rdata:no space\rdata: two\r\r"
    b"\n"
    b'data: 1\n\n: trimaran {"cost_usd": "0.1"}\r\n\r\ndata: [DONE]\n\n'
)
EVENTS: list[dict[str, Any]] = [
    {"comment": "ping"},
    {"data": '{"text": "grüße 🛥"}'},
    {"data": "no space\ntwo"},
    {"data": "1"},
    {"comment": 'trimaran {"cost_usd": "0.1"}'},
    {"data": "[DONE]"},
]


LISTS = """\
1. one
2. two **strong**

   its second paragraph
   - a
     ~~~js
     1. no item

     ~~~
   - b
10. ten

11. eleven
and more of it
* another list

  | a | b |
  |---|---|
  | 1 | 2 |
* its end

| head | of a | table |
|:--|:-:|--:|
| 1 |
| 2 | two | `|` | lost |
| 3 \\| three | 3 | 3
no row of it, but one all the same

> quoted
still quoted
> - a
> - b

[a]: https://example.org
text [a]
# head
text
- - -
~~~~
~~~
"""


@pytest.fixture(scope="module")
def page(browser: Browser, scripted_app: App) -> Iterator[Page]:
    """One page for all: it only lends its modules and its DOM."""
    shared = browser.new_page()
    shared.goto(scripted_app.url)
    yield shared
    shared.close()


def test_hostile_text_is_shown_and_does_nothing(scripted_app: App, visit: Visit) -> None:
    """No script, no picture from elsewhere, no address but http and https; the reader sees what was written."""
    watched = visit(scripted_app)
    page = watched.page

    prose = ask_and_wait(page, "hostile").locator(".prose")

    expect(prose).to_contain_text("<script>window.pwned = 1</script><img src=x onerror=")
    assert page.evaluate("window.pwned") is None
    names = set(prose.evaluate("root => [...root.querySelectorAll('*')].map(each => each.localName)"))
    assert names <= {"p", "a", "br", "div", "span", "button", "pre", "code"}
    links = prose.evaluate("root => [...root.querySelectorAll('a')].map(each => [each.href, each.rel, each.target])")
    assert links == [
        ["https://bank.example/", "noopener noreferrer nofollow", "_blank"],  # the part that leads where it says
        ["https://evil.example/beacon.png?text=secret", "noopener noreferrer nofollow", "_blank"],
        ["https://example.org/page", "noopener noreferrer nofollow", "_blank"],
    ]
    assert prose.evaluate("r => [...r.querySelectorAll('*')].flatMap(e => e.getAttributeNames())").count("onclick") == 0
    assert watched.errors == []
    assert watched.foreign_requests == []


def test_a_question_is_text_too(page: Page) -> None:
    """Nothing is read into what the user typed."""
    ask_and_wait(page, "<b>*Hi*</b>")

    expect(page.locator(".question")).to_have_text("<b>*Hi*</b>")


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("one\ntwo\n\nthree", "<p>one<br>two</p><p>three</p>"),
        ("**a *b* c** `x*y*` ~~z~~", "<strong>a <em>b</em> c</strong> <code>x*y*</code> <del>z</del>"),
        ("***both*** and **`a**b`**", "<em><strong>both</strong></em> and <strong><code>a**b</code></strong>"),
        ("2 * 3 * 4 and snake_case_name", "2 * 3 * 4 and snake_case_name"),
        (r"\*not\* `` a`b ``", "*not* <code>a`b</code>"),
        ("**open and `open", "**open and `open"),
        ("- a\n  - b\n- c", "<ul><li>a<ul><li>b</li></ul></li><li>c</li></ul>"),
        ("3. a\n\n4. b", '<ol start="3"><li>a</li><li>b</li></ol>'),
        ("Text:\n- item", "<p>Text:</p><ul><li>item</li></ul>"),
        ("# Title #", "<h3>Title</h3>"),
        ("---", "<hr>"),
        ("Text\n---\nText", "<p>Text</p><hr><p>Text</p>"),
        ("    indented", "<p>indented</p>"),
        ("[a]\n\n[a]: https://example.org", '[a]: <a href="https://example.org/"'),
        ("- a\n\n  b", "<ul><li>a<p>b</p></li></ul>"),
        ("|a|b|\n|:-:|-:|\n|1|2|", '<td class="center">1</td><td class="right">2</td>'),
        ("![a **b**](https://example.org/x.png)", ">a <strong>b</strong></a>"),
        ("![a]() [b]()", "<span>a</span> <span>b</span>"),
        ("> a\n> b", "<blockquote><p>a<br>b</p></blockquote>"),
        ("a <https://example.org/x> b", ">https://example.org/x</a> b"),
        ("(see https://example.org/a_(b)).", ">https://example.org/a_(b)</a>)."),
        ("[a](javascript:alert(1))", "[a](javascript:alert(1))"),
        ("[a](/relative)", "[a](/relative)"),
        ("[a](ftp://example.org) //example.org a@example.org", "[a](ftp://example.org) //example.org a@example.org"),
    ],
)
def test_markdown(page: Page, text: str, html: str) -> None:
    """The part of it that models write."""
    assert html in page.evaluate(RENDER, [text, 1000])


@pytest.mark.parametrize("text", [MARKDOWN, HOSTILE, LISTS], ids=["markdown", "hostile", "lists"])
def test_an_answer_looks_the_same_however_it_arrived(page: Page, text: str) -> None:
    """Rendering block by block while it grows ends where rendering all at once does."""
    whole = page.evaluate(RENDER, [text, len(text)])

    assert [size for size in (1, 2, 3, 7, 50) if page.evaluate(RENDER, [text, size]) != whole] == []


def test_a_finished_block_is_not_touched_again(page: Page) -> None:
    """Or a reader's selection would go, and long answers would become slow."""
    kept = page.evaluate("""async () => {
      const { Prose } = await import("/web/prose.js");
      const root = document.createElement("div");
      const prose = new Prose(root);
      prose.append("first\\n\\n```\\nline 1\\n");
      prose.render();
      const [paragraph, code] = [root.firstChild, root.querySelector("code").firstChild];
      prose.append("line 2\\n");
      prose.render();
      return [paragraph === root.firstChild, code === root.querySelector("code").firstChild, code.parentNode.textContent];
    }""")

    assert kept == [True, True, "line 1\nline 2"]


def test_a_finished_item_or_row_is_not_touched_again(page: Page) -> None:
    """A list or a table may be the whole of a long answer; its own items are what ends, and its head stays its head."""
    kept = page.evaluate("""async () => {
      const { Prose } = await import("/web/prose.js");
      const grown = (first, more) => {
        const root = document.createElement("div");
        const prose = new Prose(root);
        prose.append(first);
        prose.render();
        const old = root.querySelector("li, td, code");
        old.className = "mine"; // would be gone, had it been read again
        more.forEach((text) => { prose.append(text); prose.render(); });
        prose.render(true);
        return [old === root.querySelector("li, td, code"), old.className, root.textContent, root.childElementCount];
      };
      return [
        grown("7. a\\n8. b\\n9.", [" c\\n", "10. d\\n\\n", "11. e\\n"]),
        grown("```py\\na\\nb\\nc", ["d\\n", "``", "`\\n"]),
        grown("|x|y|\\n|-|-|\\n|1|2|\\n|3|4|\\n|5", ["|6|\\n", "|7|8|\\n"]),
      ];
    }""")

    assert kept == [[True, "mine", "abcde", 1], [True, "mine", "pyCopya\nb\ncd", 1], [True, "mine", "xy12345678", 1]]


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("a **bold", "<p>a <strong>bold</strong></p>"),
        ("a __bold *em* and", "<p>a <strong>bold <em>em</em> and</strong></p>"),
        ("a ~~gone", "<p>a <del>gone</del></p>"),
        ("a `code(", "<p>a <code>code(</code></p>"),
        ("**a `code", "<p><strong>a <code>code</code></strong></p>"),
        ("*a **b* c", "<p>*a *<em>b</em> c</p>"),
        ("_a **b_ c", "<p><em>a **b</em> c</p>"),
        ("- one `\n- **two", "<ul><li>one `</li><li><strong>two</strong></li></ul>"),
        ("> **a", "<blockquote><p><strong>a</strong></p></blockquote>"),
        ("```py\nx = 1", "<code>x = 1</code>"),
        ("5 * 3 ** 2", "<p>5 * 3 ** 2</p>"),
    ],
)
def test_what_is_open_looks_as_it_will(page: Page, text: str, html: str) -> None:
    """Strong emphasis and code are so from their first sign on, not only when their end arrives."""
    assert html in page.evaluate(GROW, text)[-1]


def test_nothing_flashes_up_that_turns_into_something_else(page: Page) -> None:
    """Marks wait for what they mean; a table's head waits for the line that makes it one."""
    seen = page.evaluate(GROW, "Text.\n\n## Head\n\n- item\n\n```py\ncode\n```\n\n| a | b |\n|---|---|\n| 1 | 2 |\n")

    assert [html for html in seen if any(mark in html for mark in ("#", ">-", "`", "|"))] == []


def test_a_huge_paragraph_leaves_the_page_its_time(page: Page) -> None:
    """Where drawing takes long it is done less often: here 30 ms each, of which one in four is spent on it."""
    drawn = page.evaluate("""async () => {
      const [{ Turn }, { Prose }] = await Promise.all([import("/web/turn.js"), import("/web/prose.js")]);
      const { render } = Prose.prototype;
      let drawn = 0;
      Prose.prototype.render = function () {
        drawn += 1;
        for (const end = performance.now() + 30; performance.now() < end; );
      };
      const turn = new Turn("?", document.getElementById("turn"), { shown() {}, spoken() {} });
      turn.begin();
      const end = performance.now() + 1000;
      while (performance.now() < end) {
        turn.take({ text: "word " });
        await new Promise((done) => setTimeout(done, 5));
      }
      Prose.prototype.render = render;
      return drawn;
    }""")

    assert 2 <= drawn <= 10


@pytest.mark.parametrize(
    "text",
    [
        "*" * 100_000,
        "**a " * 30_000,
        "[" * 100_000,
        "[a](" * 30_000,
        "`" * 50_000 + "a",
        "` `` " * 20_000,
        "> " * 50_000,
        "- " * 50_000,
        "- a\n" * 20_000,
        "_a" * 50_000,
        "|" * 100_000 + "\n" + "-|" * 50_000,
        " " * 200_000 + "#",
        "<" * 99_999,
        "https://a.example/))))" * 5_000,
    ],
    ids=lambda text: text[:4],
)
@pytest.mark.alone
def test_no_text_makes_the_page_hang(page: Page, text: str) -> None:
    """100,000 signs of the worst kind are shown within five seconds on a machine three times as slow as ours."""
    started = time.monotonic()

    page.evaluate(RENDER, [text, len(text)])

    assert time.monotonic() - started < 5


@pytest.mark.parametrize(
    ("head", "piece", "every", "end"),
    [
        ("", "Some **words** of a paragraph, and `code`. ", 4, "\n\n"),
        ("", "- Some **words** of an item, and `code`.\n", 1, ""),
        ("| a | b |\n|---|---|\n", "| **words** | `code` |\n", 1, ""),
        ("```\n", "    a line of code\n", 1, ""),
    ],
    ids=["paragraphs", "list", "table", "code"],
)
@pytest.mark.alone
def test_a_long_answer_stays_smooth(page: Page, head: str, piece: str, every: int, end: str) -> None:
    """A frame's share of work does not grow with the answer: 2,000 paragraphs, or one list, table or block of 4,000 lines.

    What grew with it would take seven times as long in the last quarter as in the first, on any machine.
    """
    quarters_ms: list[float] = page.evaluate(
        """async ([head, piece, every, end]) => {
      const { Prose } = await import("/web/prose.js");
      const root = document.createElement("div");
      const prose = new Prose(root);
      const frames = every === 1 ? 4000 : 8000;
      const quarters = [];
      prose.append(head);
      for (let frame = 0, started = performance.now(); frame < frames; frame += 1) {
        prose.append(frame % every === every - 1 ? piece + end : piece);
        prose.render();
        if ((frame + 1) % (frames / 4)) continue;
        quarters.push(performance.now() - started);
        started = performance.now();
      }
      return quarters;
    }""",
        [head, piece, every, end],
    )

    assert quarters_ms[-1] < 3 * quarters_ms[0], quarters_ms


def test_events_are_read_wherever_the_bytes_are_cut(page: Page) -> None:
    """Line ends of all three kinds, comments, several data lines, UTF-8 cut within a sign."""
    found = page.evaluate(PARSE, list(STREAM))

    assert {json.dumps(seen) for seen in found} == {json.dumps(EVENTS)}
