// Message components: containers, sections, texts, buttons and selects, as Discord lays them out.
import { h, hex } from "./dom.js";
import { markdown } from "./markdown.js";

const BUTTON_STYLES = { 1: "primary", 2: "secondary", 3: "success", 4: "danger", 5: "link", 6: "primary" };
const BUILD = {
  1: (part, ctx) => h("div", { class: "row" }, all(part.components, ctx)),
  2: button,
  3: select,
  5: select,
  6: select,
  7: select,
  8: select,
  9: (part, ctx) => h("div", { class: "section" }, h("div", { class: "section-text" }, all(part.components, ctx)), one(part.accessory, ctx)),
  10: (part, ctx) => h("div", { class: "text" }, markdown(part.content, ctx.world)),
  11: picture,
  12: (part) => h("div", { class: "gallery" }, part.items.map(picture)),
  14: (part) => h("div", { class: `separator ${part.divider ? "line" : ""} ${part.spacing > 1 ? "wide" : ""}`, role: part.divider ? "separator" : null }),
  17: container,
};

export function one(part, ctx) {
  return part ? (BUILD[part.type]?.(part, ctx) ?? null) : null;
}

export function all(parts, ctx) {
  return (parts ?? []).map((part) => one(part, ctx));
}

function container(part, ctx) {
  const accent = hex(part.accent_color) ?? "var(--edge)";
  return h("div", { class: "card", vars: { "--accent-bar": accent } }, all(part.components, ctx));
}

function picture(part) {
  return h("div", { class: "picture" }, part.description ?? "picture");
}

function button(part, ctx) {
  const face = [part.emoji?.name ? h("span", { class: "emoji", "aria-hidden": "true" }, part.emoji.name) : null, part.label ?? ""];
  const style = BUTTON_STYLES[part.style];
  if (part.style === 5) return linkButton(part, face);
  const press = (event) => busy(event.currentTarget, () => ctx.press(part.custom_id));
  return h("button", {
    type: "button", class: `button ${style}`, disabled: part.disabled, onclick: press, "data-focus": part.custom_id,
    "aria-label": part.label ? null : part.emoji?.name,
  }, face);
}

function linkButton(part, face) {
  const safe = /^https?:\/\//.test(part.url) && !part.disabled;
  return h("a", { class: "button link", href: safe ? part.url : null, target: "_blank", rel: "noopener noreferrer" }, face,
    h("span", { class: "out", "aria-label": "(opens a new tab)" }, "↗"));
}

async function busy(node, act) {
  if (node.getAttribute("aria-busy") === "true") return;
  node.setAttribute("aria-busy", "true");
  try {
    await act();
  } finally {
    node.removeAttribute("aria-busy");
  }
}

// Selects: a native one for a single choice, tick boxes for several.

function optionsOf(part, world) {
  if (part.type === 3) return part.options.map((o) => ({ value: o.value, label: o.label, hint: o.description, on: o.default }));
  const chosen = new Set((part.default_values ?? []).map((one) => one.id));
  const from = (table, mark) => Object.entries(table).map(([id, one]) => ({ value: id, label: mark + (one.name ?? one), on: chosen.has(id) }));
  const people = () => from(world.users, "");
  const roles = () => from(world.roles, "@");
  if (part.type === 5) return people();
  if (part.type === 6) return roles();
  if (part.type === 7) return [...people(), ...roles()];
  return from(world.channels, "#");
}

function select(part, ctx) {
  const options = optionsOf(part, ctx.world);
  return part.max_values > 1 ? several(part, options, ctx) : single(part, options, ctx);
}

function single(part, options, ctx) {
  const label = part.placeholder ?? "Choose one";
  const node = h("select", { class: "select", "aria-label": label, disabled: part.disabled, "data-focus": part.custom_id },
    h("option", { value: "", disabled: true, selected: !options.some((o) => o.on) }, label),
    options.map((o) => h("option", { value: o.value, selected: o.on }, o.hint ? `${o.label} · ${o.hint}` : o.label)));
  node.addEventListener("change", () => busy(node, () => ctx.choose(part.custom_id, [node.value])));
  return node;
}

function several(part, options, ctx) {
  const label = part.placeholder ?? "Choose";
  const boxes = options.map((o) => h("label", { class: "tick" }, h("input", { type: "checkbox", value: o.value, checked: o.on }), o.label));
  const send = (event) => {
    const picked = [...event.currentTarget.closest(".ticks").querySelectorAll("input:checked")].map((box) => box.value);
    return busy(event.currentTarget, () => ctx.choose(part.custom_id, picked));
  };
  return h("details", { class: "select ticks" }, h("summary", {}, label), boxes,
    h("button", { type: "button", class: "button primary", onclick: send }, "Done"));
}

export function embed(part, ctx) {
  const text = (value) => markdown(value, ctx.world);
  return h("div", { class: "card embed", vars: { "--accent-bar": hex(part.color) ?? "var(--edge)" } },
    part.title ? h("h4", {}, text(part.title)) : null,
    part.description ? h("div", { class: "text" }, text(part.description)) : null,
    (part.fields ?? []).map((field) => h("div", { class: "text" }, h("strong", {}, field.name), text(field.value))),
    part.footer ? h("div", { class: "subtext" }, part.footer.text) : null);
}
