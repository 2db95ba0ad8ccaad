// The key that the app asks for: kept in this tab's session storage and nowhere else.

const SLOT = "trimaran.key";

export class KeyRing {
  #key = "";

  constructor() {
    try {
      this.#key = sessionStorage.getItem(SLOT) ?? "";
    } catch {
      // storage is switched off: the key lasts as long as the page
    }
  }

  get key() {
    return this.#key;
  }

  set key(value) {
    this.#key = value;
    try {
      if (value) sessionStorage.setItem(SLOT, value);
      else sessionStorage.removeItem(SLOT);
    } catch {
      // as above
    }
  }
}

/** The dialog that asks for a key. `check` takes one and throws when it is not valid. */
export class KeyDialog {
  #dialog;
  #input;
  #problem;
  #check;
  #accepted = false;

  constructor(dialog, check) {
    this.#dialog = dialog;
    this.#input = dialog.querySelector("input");
    this.#problem = dialog.querySelector("[data-part=problem]");
    this.#check = check;
    dialog.querySelector("form").addEventListener("submit", (event) => this.#submit(event));
    dialog.querySelector("[data-act=cancel]").addEventListener("click", () => dialog.close());
  }

  /** Whether a valid key was given. */
  async ask(reason = "") {
    if (this.#dialog.open) return false;
    this.#accepted = false;
    this.#say(reason);
    this.#dialog.showModal();
    await new Promise((closed) => this.#dialog.addEventListener("close", closed, { once: true }));
    this.#input.value = "";
    return this.#accepted;
  }

  async #submit(event) {
    event.preventDefault();
    const key = this.#input.value.trim();
    if (!/^[\x21-\x7e]+$/.test(key)) {
      this.#say(key ? "A key has no spaces and only plain letters, digits and signs." : "Type or paste a key first.");
      return;
    }
    try {
      await this.#check(key);
    } catch (error) {
      this.#say(error.status === 401 ? `This key was not accepted. The server says: ${error.message}.` : error.message);
      return;
    }
    this.#accepted = true;
    this.#dialog.close();
  }

  #say(text) {
    this.#problem.textContent = text;
    this.#problem.hidden = !text;
    this.#input.setAttribute("aria-invalid", String(Boolean(text)));
    if (text) this.#input.select();
  }
}
