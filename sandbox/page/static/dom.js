// Elements without innerHTML: every text becomes a text node, so nothing typed anywhere can become markup.

export function h(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) setProp(node, name, value);
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

function setProp(node, name, value) {
  if (value === null || value === undefined || value === false) return;
  if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
  else if (name === "vars") for (const [key, one] of Object.entries(value)) node.style.setProperty(key, one);
  else if (name === "value") node.value = value;
  else node.setAttribute(name, value === true ? "" : value);
}

// Rebuild a region only when what it shows has changed, and leave the focus where it was.
const shown = new WeakMap();

export function patch(region, facts, build) {
  const key = JSON.stringify(facts);
  if (shown.get(region) === key) return;
  shown.set(region, key);
  const focus = region.contains(document.activeElement) ? document.activeElement.dataset.focus : null;
  const scrolled = [...region.querySelectorAll("[data-scroll]")].map((node) => [node.dataset.scroll, node.scrollTop]);
  region.replaceChildren(...build().flat(Infinity).filter(Boolean));
  for (const [name, top] of scrolled) {
    const node = region.querySelector(`[data-scroll="${name}"]`);
    if (node) node.scrollTop = top;
  }
  if (focus) region.querySelector(`[data-focus="${CSS.escape(focus)}"]`)?.focus();
}

export function hex(color) {
  return color ? `#${color.toString(16).padStart(6, "0")}` : null;
}

// White letters stand on them: WCAG asks for 4.5 to 1.
const FACES = ["#3976b4", "#bd5340", "#2e7f62", "#946514", "#7060e4", "#a4528e", "#4c7c31", "#b24678"];

export function avatar(user, extra = "") {
  if (user.bot) return h("span", { class: `avatar bot ${extra}`, "aria-hidden": "true" }, "D");
  const sum = [...user.name].reduce((total, letter) => total + letter.codePointAt(0), 0);
  return h("span", { class: `avatar ${extra}`, "aria-hidden": "true", vars: { "--face": FACES[sum % FACES.length] } }, user.name.slice(0, 1));
}

let toasts = 0;

export function toast(text, kind = "bad") {
  const node = h("div", { class: `toast ${kind}`, id: `toast-${++toasts}` }, text);
  document.getElementById("toasts").append(node);
  setTimeout(() => node.remove(), 7000);
}
