// The left column: who you are, where you are, and what you have not read yet.
import { avatar, h, patch, toast } from "./dom.js";

const KEY = "dues-read";

function seen() {
  try {
    return JSON.parse(sessionStorage.getItem(KEY)) ?? {};
  } catch {
    return {};
  }
}

export function markRead(me, place) {
  const last = place.messages.at(-1)?.id;
  if (!last || document.hidden) return;
  sessionStorage.setItem(KEY, JSON.stringify({ ...seen(), [`${me}/${place.key}`]: last }));
}

function unread(me, place) {
  const last = BigInt(seen()[`${me}/${place.key}`] ?? 0);
  return place.messages.filter((message) => BigInt(message.id) > last && message.author.id !== me).length;
}

export function unreadTotal(world, hereKey) {
  return world.places.filter((place) => place.key !== hereKey).reduce((sum, place) => sum + unread(world.me.id, place), 0);
}

export function drawNav(world, here, { be, go }) {
  patch(document.getElementById("server-name"), world.guild.name, () => [world.guild.name]);
  patch(document.getElementById("people"), [world.people, world.me.id], () => [
    h("h2", {}, "You are"),
    h("div", { role: "radiogroup", "aria-label": "You are", onkeydown: (event) => step(event, be) }, world.people.map((person) => who(person, world.me.id, be))),
  ]);
  const marks = world.places.map((place) => [place.key, place.title, place.key === here.key ? 0 : unread(world.me.id, place)]);
  patch(document.getElementById("places"), [marks, here.key], () => [
    h("h2", {}, "Places"),
    marks.map(([key, title, count]) => where(key, title, count, key === here.key, go)),
  ]);
}

// A role and prices that no plan has yet, each beside the option of /plans add that takes it.
export function drawSpare(world) {
  const section = document.getElementById("spare");
  section.hidden = !world.spare.length;
  patch(section, world.spare, () => [
    h("h2", {}, "Not on sale yet"),
    h("p", { class: "fine" }, "Try ", h("code", {}, "/plans add"), " with these:"),
    world.spare.map(({ option, value }) => h("div", { class: "spare" },
      h("div", {}, h("small", {}, option), h("code", {}, value)),
      h("button", { type: "button", class: "tool", "aria-label": `Copy ${option}`, "data-focus": option, onclick: (event) => copy(value, event.currentTarget) }, "Copy"))),
  ]);
}

async function copy(value, button) {
  try {
    await navigator.clipboard.writeText(value);
  } catch {
    return toast("Your browser did not let the page copy. Click the text and copy it yourself.");
  }
  button.textContent = "Copied";
  setTimeout(() => (button.textContent = "Copy"), 1500);
}

// One of them is a tab stop, and arrows go on from there, as in any group of radio buttons.
const STEPS = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 };

function step(event, be) {
  const by = STEPS[event.key];
  if (!by) return;
  event.preventDefault();
  const all = [...event.currentTarget.querySelectorAll("[role=radio]")];
  const next = all.at((all.indexOf(document.activeElement) + by) % all.length);
  next.focus();
  be(next.dataset.focus);
}

function who(person, me, be) {
  const on = person.id === me;
  return h("button", {
    type: "button", role: "radio", "aria-checked": String(on), class: `who ${on ? "on" : ""}`, "data-focus": person.id,
    tabindex: on ? 0 : -1, onclick: () => be(person.id),
  }, avatar(person), h("span", {}, h("b", {}, person.name), h("small", {}, person.about)));
}

function where(key, title, count, on, go) {
  const mark = count ? h("span", { class: "unread", "aria-label": `${count} unread` }, count) : null;
  return h("button", {
    type: "button", class: `where ${on ? "on" : ""} ${count ? "new" : ""}`, "aria-current": on ? "page" : null,
    "data-focus": key, onclick: () => go(key),
  }, h("span", { class: "where-name" }, title), mark);
}
