// Where one types. "/" offers the commands as they are registered; a chosen command becomes a small form.
import { h } from "./dom.js";
import { candidates, flatten, needsMore } from "./commands.js";

export class Composer {
  constructor(root, acts) {
    this.root = root;
    this.acts = acts;
    this.command = null;
    this.values = new Map();
    this.items = [];
    this.at = 0;
    this.shown = "";
  }

  show(world, place) {
    this.world = world;
    this.place = place;
    this.commands = flatten(place.commands);
    const key = JSON.stringify([world.me.id, place.key, this.commands.map((c) => c.name)]);
    if (key === this.shown) return;
    this.shown = key;
    this.reset();
  }

  focus() {
    this.root.querySelector("input")?.focus();
  }

  // Writing plainly, and looking for a command

  reset(focus = false) {
    this.command = null;
    this.values.clear();
    this.input = h("input", {
      class: "write", role: "combobox", "aria-expanded": "false", "aria-controls": "popup", "aria-autocomplete": "list", autocomplete: "off",
      "aria-label": `Message ${this.place.title}`, placeholder: `Message ${this.place.title}, or type / for commands`,
    });
    this.input.addEventListener("input", () => this.typed());
    this.input.addEventListener("keydown", (event) => this.key(event));
    this.build([h("div", { class: "line" }, this.input)]);
    if (focus) this.input.focus();
  }

  build(children) {
    this.popup = h("div", { id: "popup", class: "popup", role: "listbox", "aria-label": "Suggestions", hidden: true });
    this.root.replaceChildren(this.hints(), h("div", { class: "typing" }, this.popup, ...children));
  }

  hints() {
    return h("div", { class: "hints", "aria-label": "Commands to try" }, this.commands.map((command) =>
      h("button", { type: "button", class: "hint", title: command.description, onclick: () => this.choose(command) }, `/${command.name}`)));
  }

  typed() {
    const text = this.input.value;
    if (!text.startsWith("/")) return this.close();
    const wanted = text.slice(1).toLowerCase().trimEnd();
    const exact = this.commands.find((command) => command.name === wanted);
    if (exact && text.endsWith(" ")) return this.choose(exact);
    const found = this.commands.filter((command) => command.name.startsWith(wanted));
    this.open(found.map((command) => ({ label: `/${command.name}`, hint: command.description, pick: () => this.choose(command) })),
      "No such command here");
  }

  // The suggestions above the line

  open(items, nothing = "") {
    this.items = items;
    this.at = 0;
    const rows = items.map((item, at) => h("div", {
      class: "choice", role: "option", id: `choice-${at}`, onmousedown: (event) => { event.preventDefault(); item.pick(); },
    }, h("b", {}, item.label), item.hint ? h("span", {}, item.hint) : null));
    this.popup.replaceChildren(...(rows.length ? rows : [h("div", { class: "choice none" }, nothing)]));
    this.popup.hidden = !rows.length && !nothing;
    this.mark();
  }

  close() {
    this.items = [];
    this.popup.hidden = true;
    this.mark();
  }

  mark() {
    [...this.popup.children].forEach((row, at) => row.setAttribute("aria-selected", String(at === this.at && this.items.length > 0)));
    this.popup.children[this.at]?.scrollIntoView({ block: "nearest" });
    const field = document.activeElement?.closest?.("#composer input") ?? this.input;
    field?.setAttribute("aria-expanded", String(!this.popup.hidden));
    if (this.items.length) field?.setAttribute("aria-activedescendant", `choice-${this.at}`);
    else field?.removeAttribute("aria-activedescendant");
  }

  key(event) {
    if (event.isComposing) return;
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && this.items.length) {
      this.at = (this.at + step + this.items.length) % this.items.length;
      this.mark();
      event.preventDefault();
    } else if (event.key === "Enter" || (event.key === "Tab" && this.items.length && !event.shiftKey)) {
      event.preventDefault();
      if (this.items.length) this.items[this.at].pick();
      else this.send();
    } else if (event.key === "Escape") {
      if (this.popup.hidden) this.reset(true);
      else this.close();
    } else if (event.key === "Backspace" && this.command && !event.target.value) {
      event.preventDefault();
      this.leave(event.target.dataset.option);
    }
  }

  // A chosen command: its options, each a field with its own suggestions

  choose(command) {
    this.command = command;
    this.values.clear();
    for (const option of command.options) if (option.required) this.values.set(option.name, { raw: "" });
    this.form(needsMore(command, this.values)?.name);
  }

  form(focusOn = null) {
    const { command } = this;
    const used = command.options.filter((option) => this.values.has(option.name));
    const left = command.options.filter((option) => !this.values.has(option.name));
    this.line = h("div", { class: "line command", role: "group", tabindex: "0", "aria-label": `Command /${command.name}` },
      h("b", { class: "slash" }, `/${command.name}`), used.map((option) => this.field(option)),
      left.map((option) => h("button", { type: "button", class: "add", title: option.description, onclick: () => this.add(option) }, `+ ${option.name}`)),
      h("button", { type: "button", class: "button primary send", onclick: () => this.send() }, "Send"));
    this.line.addEventListener("keydown", (event) => {
      if (event.target !== this.line) return;
      if (event.key === "Enter") this.send();
      if (event.key === "Escape" || event.key === "Backspace") this.reset(true);
    });
    this.build([h("div", { class: "about" }, command.description), this.line]);
    const field = focusOn && this.line.querySelector(`[data-option="${focusOn}"]`);
    (field || this.line).focus();
  }

  field(option) {
    const value = this.values.get(option.name);
    const input = h("input", {
      "data-option": option.name, value: value.raw, role: "combobox", "aria-expanded": "false", "aria-controls": "popup", autocomplete: "off",
      "aria-label": `${option.name}: ${option.description}`, placeholder: option.description, size: Math.max(5, Math.min(value.raw.length || 13, 28)),
    });
    input.addEventListener("focus", () => this.suggest(option, input));
    input.addEventListener("blur", () => this.close());
    input.addEventListener("input", () => {
      this.values.set(option.name, { raw: input.value });
      this.suggest(option, input);
    });
    input.addEventListener("keydown", (event) => this.key(event));
    return h("label", { class: `option ${option.required ? "required" : ""}` }, h("span", {}, option.name), input);
  }

  add(option) {
    this.values.set(option.name, { raw: "" });
    this.form(option.name);
  }

  leave(name) {
    const option = this.command.options.find((one) => one.name === name);
    if (option?.required) return this.reset(true);
    this.values.delete(name);
    return this.form();
  }

  async suggest(option, input) {
    const turn = (this.turn = Symbol("turn"));
    const text = this.values.get(option.name)?.fixed === undefined ? input.value : "";
    let found = candidates(option, text, this.world);
    if (option.autocomplete) found = await this.acts.suggest(this.command.name, option.name, text, this.given(option.name));
    if (turn !== this.turn || document.activeElement !== input) return;
    this.open(found.map((one) => ({ label: String(one.name), hint: one.hint, pick: () => this.fix(option, one) })),
      found.length || !option.autocomplete ? "" : "No options match");
  }

  fix(option, one) {
    this.turn = null;
    this.values.set(option.name, { raw: String(one.name), fixed: one.value });
    this.form(needsMore(this.command, this.values)?.name);
  }

  given(except = null) {
    const out = {};
    for (const [name, value] of this.values) {
      if (name === except || (!value.raw && value.fixed === undefined)) continue;
      const option = this.command.options.find((one) => one.name === name);
      out[name] = value.fixed ?? candidates(option, value.raw, this.world, true)[0]?.value ?? value.raw;
    }
    return out;
  }

  async send() {
    if (!this.command) return this.sayIt();
    const missing = needsMore(this.command, this.values);
    if (missing) return this.form(missing.name);
    const { name } = this.command, options = this.given();
    this.reset(true);
    return this.acts.run(name, options);
  }

  async sayIt() {
    const text = this.input.value.trim();
    if (!text) return;
    this.input.value = "";
    await this.acts.say(text);
  }
}
