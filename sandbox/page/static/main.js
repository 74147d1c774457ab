// The page: one picture of the world for the person you are, drawn again where it changed.
import { ask, follow } from "./api.js";
import { drawChat } from "./chat.js";
import { Composer } from "./composer.js";
import { drawNav, drawSpare, markRead, unreadTotal } from "./nav.js";
import { drawSide } from "./side.js";
import { openModal } from "./modal.js";
import { patch, h, toast } from "./dom.js";
import { refreshTimes } from "./markdown.js";

const $ = (id) => document.getElementById(id);
const page = { world: null, me: null, place: null, stop: null };
const composer = new Composer($("composer"), { run, suggest, say });

function readHash() {
  const [me, place] = decodeURIComponent(location.hash.slice(1)).split("/");
  return { me: me || "", place: place || null };
}

function be(me, place = null) {
  page.stop?.();
  page.me = me;
  page.place = place;
  page.stop = follow(me, show, () => ($("offline").hidden = false));
}

function go(place) {
  page.place = place;
  draw();
  composer.focus();
}

function show(world) {
  $("offline").hidden = true;
  page.world = world;
  page.me = world.me.id;
  draw();
}

function place() {
  return page.world.places.find((one) => one.key === page.place) ?? page.world.places[0];
}

function draw() {
  const world = page.world;
  if (!world) return;
  const here = place();
  page.place = here.key;
  history.replaceState(null, "", `#${world.me.name}/${here.key}`);
  markRead(world.me.id, here);
  drawNav(world, here, { be: (id) => be(id), go });
  drawSpare(world);
  patch($("place-head"), [here.key, here.name, here.topic], () => headOf(here));
  composer.show(world, here);
  drawChat($("messages"), world, here, { press, choose });
  drawSide(world, act);
  refreshTimes(document, world.now);
  const unread = unreadTotal(world, here.key);
  document.title = `${unread ? `(${unread}) ` : ""}${here.title} · Dues sandbox`;
}

function headOf(here) {
  const toggle = (side, label) => h("button", { type: "button", class: "drawer", "aria-label": label, onclick: () => openDrawer(side) }, side === "left" ? "☰" : "⚙");
  return [toggle("left", "People and places"), h("strong", {}, here.title), h("span", { class: "topic" }, here.topic), toggle("right", "Behind the scenes")];
}

function openDrawer(side) {
  const open = document.body.dataset.drawer === side;
  document.body.dataset.drawer = open ? "" : side;
}

// What the person does. A refusal is shown in words; what follows from it comes with the next picture.

async function attempt(action, body) {
  try {
    const found = await ask(action, { as: page.me, ...body });
    if (found.modal) openModal(found.modal, page.world, (values) => attempt("modal", { interaction: found.interaction, values }));
    return found;
  } catch (error) {
    toast(error.message);
    return null;
  }
}

const press = (message, custom_id) => attempt("press", { message, custom_id });
const choose = (message, custom_id, values) => attempt("choose", { message, custom_id, values });
const act = (action, body) => attempt(action, body);

function run(command, options) {
  return attempt("command", { place: page.place, command, options });
}

async function suggest(command, option, text, options) {
  try {
    return (await ask("autocomplete", { as: page.me, place: page.place, command, option, text, options })).choices;
  } catch {
    return [];
  }
}

function say(text) {
  return attempt("say", { place: page.place, text });
}

document.addEventListener("click", (event) => {
  if (!event.target.closest("#left, #right, .drawer")) document.body.dataset.drawer = "";
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") document.body.dataset.drawer = "";
  const typing = event.target.closest("input, textarea, select, [contenteditable]");
  if (event.key === "/" && !typing && !$("modal").open) composer.focus();
});
setInterval(() => {
  if (!page.world) return;
  page.world.now += 15;
  refreshTimes(document, page.world.now);
}, 15000);

const start = readHash();
be(start.me, start.place);
