// Keeps the end of the conversation in view while it grows, until the reader scrolls away, and again when they come back.

const NEAR_PX = 8;

export class Follow {
  #scroller;
  #button;
  #following = true;
  #lastTop = 0;

  /** `button` is shown while the end is out of view, and leads back to it. */
  constructor(scroller, button) {
    this.#scroller = scroller;
    this.#button = button;
    scroller.addEventListener("scroll", () => this.#moved(), { passive: true });
    button.addEventListener("click", () => this.toEnd());
    new ResizeObserver(() => this.keep()).observe(scroller);
  }

  toEnd() {
    this.#following = true;
    this.keep();
  }

  /** To be called whenever the conversation has grown. */
  keep() {
    if (this.#following) {
      this.#scroller.scrollTop = this.#scroller.scrollHeight;
      this.#lastTop = this.#scroller.scrollTop; // now: its own event may come only after the reader's next move
    }
    this.#mark();
  }

  #moved() {
    const { scrollTop } = this.#scroller;
    if (this.#gap() <= NEAR_PX) this.#following = true;
    else if (scrollTop < this.#lastTop) this.#following = false; // upwards: the reader's own doing, we only ever go down
    this.#lastTop = scrollTop;
    this.#mark();
  }

  #mark() {
    this.#button.hidden = this.#following || this.#gap() <= NEAR_PX;
  }

  #gap() {
    const { scrollHeight, scrollTop, clientHeight } = this.#scroller;
    return scrollHeight - scrollTop - clientHeight;
  }
}
