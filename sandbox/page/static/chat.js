// The messages of one place. A message that did not change keeps its element, and with it focus and scroll.
import { all, embed } from "./cards.js";
import { avatar, h } from "./dom.js";
import { markdown, stamp } from "./markdown.js";

const drawn = new Map();
const dismissed = new Set();
let shownPlace = "";

export function drawChat(list, everywhere, place, acts) {
  // A role's mention does not resolve in direct messages, as Discord's do not.
  const world = place.kind === "dm" ? { ...everywhere, roles: {}, noRole: "unknown-role" } : everywhere;
  const here = `${world.me.id}/${place.key}`;
  const moved = shownPlace !== here;
  if (moved) drawn.clear();
  shownPlace = here;
  const atEnd = moved || list.scrollHeight - list.scrollTop - list.clientHeight < 80;
  const wanted = [welcome(world, place, moved), ...place.messages.filter((m) => !dismissed.has(m.id)).map((m) => cached(m, world, acts))];
  wanted.forEach((node, at) => {
    if (list.children[at] !== node) list.insertBefore(node, list.children[at] ?? null);
  });
  while (list.children.length > wanted.length) list.lastElementChild.remove();
  if (atEnd) list.scrollTop = list.scrollHeight;
}

let intro = null;

function welcome(world, place, moved) {
  if (moved || !intro) {
    intro = h("div", { class: "welcome" }, h("div", { class: "welcome-mark", "aria-hidden": "true" }, place.kind === "dm" ? "D" : "#"),
      h("h1", {}, place.title), h("p", {}, place.welcome));
  }
  return intro;
}

function cached(message, world, acts) {
  const key = JSON.stringify([message, world.names]);
  const old = drawn.get(message.id);
  if (old?.key === key) return old.node;
  const node = draw(message, world, acts);
  if (old?.node.isConnected) {
    const focus = old.node.contains(document.activeElement) ? document.activeElement.dataset.focus : null;
    old.node.replaceWith(node);
    if (focus) (node.querySelector(`[data-focus="${CSS.escape(focus)}"]`) ?? node).focus();
  }
  drawn.set(message.id, { key, node });
  return node;
}

function draw(message, world, acts) {
  const ctx = {
    world,
    press: (customId) => acts.press(message.id, customId),
    choose: (customId, values) => acts.choose(message.id, customId, values),
  };
  return h("article", {
    class: `message ${message.ephemeral ? "ephemeral" : ""}`, tabindex: "-1", "data-message": message.id,
    "aria-label": `${message.author.name}, ${stamp(message.at, "t")}`,
  }, used(message), avatar(message.author, "big"), h("div", { class: "body" }, head(message), content(message, ctx), foot(message)));
}

function used(message) {
  if (!message.used) return null;
  return h("div", { class: "used" }, avatar(message.used.by, "tiny"), h("b", {}, message.used.by.name), " used ",
    h("span", { class: "mention" }, `/${message.used.command}`));
}

function head(message) {
  return h("div", { class: "head" }, h("span", { class: "author" }, message.author.name),
    message.author.bot ? h("span", { class: "app" }, "APP") : null,
    h("time", { class: "when", "data-at": message.at, "data-style": "f" }, stamp(message.at, "f")));
}

function content(message, ctx) {
  if (message.loading) return h("div", { class: "thinking" }, h("span", { class: "dots", "aria-hidden": "true" }, h("i"), h("i"), h("i")), `${message.author.name} is thinking…`);
  return [
    message.content ? h("div", { class: "text" }, markdown(message.content, ctx.world)) : null,
    message.embeds.map((one) => embed(one, ctx)),
    h("div", { class: "components" }, all(message.components, ctx)),
    message.edited && !message.ephemeral ? h("small", { class: "edited" }, "(edited)") : null,
  ];
}

function foot(message) {
  if (!message.ephemeral) return null;
  const dismiss = (event) => {
    dismissed.add(message.id);
    event.currentTarget.closest("article").remove();
  };
  return h("div", { class: "only" }, "Only you can see this · ",
    h("button", { type: "button", class: "plain", onclick: dismiss }, "Dismiss message"));
}
