// The right column: the clock, the members with their roles, Stripe's dashboard, what was sent, what was recorded.
import { avatar, h, hex, patch } from "./dom.js";
import { stamp } from "./markdown.js";

const $ = (id) => document.getElementById(id);
let chosen = "";

export function drawSide(world, act) {
  const rows = world.stripe.subscriptions;
  if (!rows.some((row) => row.id === chosen)) chosen = (rows.find((row) => row.person_id === world.me.id && row.alive) ?? rows.find((row) => row.alive) ?? rows.at(-1))?.id ?? "";
  const again = () => drawSide(world, act);
  drawClock(world, rows.find((row) => row.id === chosen), act);
  drawMembers(world);
  drawDesk(world, rows, act, again);
  drawEvents(world, act);
  drawLedger(world);
}

function title(text, note = null) {
  return h("h2", {}, text, note ? h("small", {}, note) : null);
}

// Turning the clock takes a moment, in which nothing else should be pressed twice.
function tool(label, name, run, extra = {}) {
  const press = async (event) => {
    const node = event.currentTarget;
    if (node.getAttribute("aria-busy") === "true") return;
    node.setAttribute("aria-busy", "true");
    await run();
    node.removeAttribute("aria-busy");
  };
  return h("button", { type: "button", class: "tool", "data-focus": name, onclick: press, ...extra }, label);
}

function drawClock(world, row, act) {
  const minute = Math.floor(world.now / 60) * 60;
  patch($("clock"), [minute, row?.id, row?.next_at], () => [
    h("div", { class: "now" }, h("span", { class: "day" }, stamp(minute, "D")), h("span", {}, stamp(minute, "t"))),
    h("div", { class: "tools" }, tool("A day on", "day", () => act("clock", { to: "day" })),
      tool("To the end of the period", "end", () => act("clock", { to: "period_end", subscription: row.id }), {
        disabled: !row?.next_at, title: row?.next_at ? `${row.person}'s ${row.product}: ${stamp(row.next_at, "f")}` : "Nobody has a subscription yet",
      })),
  ]);
}

function drawMembers(world) {
  patch($("members"), world.members, () => [
    title("Members"),
    h("ul", { class: "members" }, world.members.map((member) => h("li", { "data-member": member.name }, avatar(member),
      h("span", { class: "member-name", vars: { "--role": hex(member.color) ?? "inherit" } }, member.name, member.owner ? h("span", { class: "crown", title: "Server owner" }, " ♛") : null),
      h("span", { class: "roles" }, member.roles.map((role) => h("span", { class: "role", vars: { "--role": hex(role.color) ?? "var(--soft)" } }, role.name)))))),
  ]);
}

const DESK = [
  ["fail", "Next payment fails"], ["dispute", "Dispute"], ["win", "Dispute won"], ["lose", "Dispute lost"], ["refund", "Refund"],
  ["cancel", "Cancel at once"], ["pause", "Pause payments"], ["unpause", "Unpause"],
];

function drawDesk(world, rows, act, again) {
  patch($("desk"), [rows, chosen, world.stripe.decline_next], () => [title("Stripe's dashboard"), ...deskOf(world, rows, act, again)]);
}

function deskOf(world, rows, act, again) {
  const row = rows.find((one) => one.id === chosen);
  if (!row) return [h("p", { class: "empty" }, "Nobody has subscribed yet. Type ", h("code", {}, "/subscribe"), " as a member.")];
  const pick = h("select", { class: "select", "aria-label": "Subscription", "data-focus": "pick" },
    rows.map((one) => h("option", { value: one.id, selected: one.id === chosen }, `${one.person} · ${one.product} · ${one.status}`)));
  pick.addEventListener("change", () => {
    chosen = pick.value;
    again();
  });
  const buttons = DESK.filter(([name]) => row.can.includes(name)).map(([name, label]) => {
    const armed = name === "fail" && world.stripe.decline_next > 0;
    return tool(armed ? "Next payment will fail" : label, name, () => act("stripe", { do: name, subscription: row.id }), { "aria-pressed": armed ? "true" : null });
  });
  const others = row.can.includes("switch") ? world.stripe.prices.filter((price) => price.id !== row.price_id) : [];
  return [pick, h("p", { class: "desk-line" }, row.line), h("div", { class: "tools" }, buttons, others.length ? switcher(row, others, act) : null)];
}

function switcher(row, others, act) {
  const node = h("select", { class: "tool", "aria-label": "Switch price", "data-focus": "switch" }, h("option", { value: "" }, "Switch price…"),
    others.map((price) => h("option", { value: price.id }, price.label)));
  node.addEventListener("change", () => act("stripe", { do: "switch", subscription: row.id, price: node.value }));
  return node;
}

function drawEvents(world, act) {
  const { double, late } = world.faults;
  patch($("events"), [world.events, double, late], () => [
    title("What Stripe sent", "newest first"),
    h("div", { class: "switches" }, toggle("twice", double, (on) => act("deliveries", { double: on })), toggle("10 s late", late > 0, (on) => act("deliveries", { late: on ? 10 : 0 }))),
    list("events", world.events, "Nothing yet.", (event) => h("li", {}, h("code", { title: event.id }, event.type),
      h("span", { class: `state ${event.state}`, title: event.note }, event.label))),
  ]);
}

function toggle(label, on, set) {
  return h("label", { class: "switch" }, h("input", { type: "checkbox", role: "switch", checked: on, "data-focus": label, onchange: (event) => set(event.target.checked) }), label);
}

function list(name, rows, nothing, draw) {
  return rows.length ? h("ol", { class: "log", "data-scroll": name, tabindex: "0", "aria-label": name }, rows.map(draw)) : h("p", { class: "empty" }, nothing);
}

function drawLedger(world) {
  patch($("ledger"), world.history, () => [
    title("What the ledger recorded", "newest first"),
    list("ledger", world.history, "Nothing yet.", (row) => h("li", { class: "change" },
      h("div", {}, row.member ? h("b", {}, row.member) : null, h("span", { class: "subject" }, row.subject),
        h("time", { "data-at": row.at, "data-style": "s" }, stamp(row.at, "s"))),
      h("div", { class: "turn" }, row.before ? h("s", {}, row.before) : null, row.before && row.after ? " → " : null, row.after ? h("span", {}, row.after) : null),
      h("div", { class: "why" }, [row.who, row.why, row.evidence].filter(Boolean).join(" · ")))),
  ]);
}
