// The right column: the clock, the members with their roles, the provider's dashboard, what was sent, what was recorded.
import { avatar, h, hex, patch } from "./dom.js";
import { stamp } from "./markdown.js";

const $ = (id) => document.getElementById(id);
let chosen = "";
let looked = "";

export function drawSide(world, act) {
  const rows = world.subscriptions;
  chosen = choose(rows, world.me.id);
  const again = () => drawSide(world, act);
  drawClock(world, rows.find((row) => row.id === chosen), act);
  drawMembers(world);
  drawDesk(world, rows, act, again);
  drawEvents(world, act);
  drawLedger(world);
}

// What was picked stays so until one becomes somebody else, or somebody subscribes.
function choose(rows, me) {
  const look = `${me}/${rows.length}`;
  const picked = rows.find((row) => row.id === chosen);
  if (look === looked && picked) return chosen;
  looked = look;
  const own = rows.filter((row) => row.person_id === me && row.next_at);
  return (own.at(-1) ?? picked ?? rows.findLast((row) => row.next_at) ?? rows.at(-1))?.id ?? "";
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
  ["reverse", "Take payment back"], ["cancel", "Cancel at once"], ["pause", "Pause payments"], ["unpause", "Unpause"],
  ["suspend", "Suspend"], ["activate", "Activate"],
];

function drawDesk(world, rows, act, again) {
  const row = rows.find((one) => one.id === chosen);
  patch($("desk"), [rows, chosen], () => [title(row ? `${row.provider}'s dashboard` : "The provider's dashboard"), ...deskOf(row, rows, act, again)]);
}

function deskOf(row, rows, act, again) {
  if (!row) return [h("p", { class: "empty" }, "Nobody has subscribed yet. Type ", h("code", {}, "/subscribe"), " as a member.")];
  const pick = h("select", { class: "select", "aria-label": "Subscription", "data-focus": "pick" },
    rows.map((one) => h("option", { value: one.id, selected: one.id === chosen }, `${one.person} · ${one.product} · ${one.provider} · ${one.status}`)));
  pick.addEventListener("change", () => {
    chosen = pick.value;
    again();
  });
  const buttons = DESK.filter(([name]) => row.can.includes(name)).map(([name, label]) => {
    const armed = name === "fail" && row.fails_next;
    return tool(armed ? "Next payment will fail" : label, name, () => act("desk", { do: name, subscription: row.id }), { "aria-pressed": armed ? "true" : null });
  });
  return [pick, h("p", { class: "desk-line" }, row.line), h("div", { class: "tools" }, buttons, row.others.length ? switcher(row, act) : null)];
}

function switcher(row, act) {
  const node = h("select", { class: "tool", "aria-label": "Switch price", "data-focus": "switch" }, h("option", { value: "" }, "Switch price…"),
    row.others.map((price) => h("option", { value: price.id }, price.label)));
  node.addEventListener("change", () => act("desk", { do: "switch", subscription: row.id, price: node.value }));
  return node;
}

function drawEvents(world, act) {
  const { double, late } = world.faults;
  patch($("events"), [world.events, double, late], () => [
    title("What the providers sent", "newest first"),
    h("div", { class: "switches" }, toggle("twice", double, (on) => act("deliveries", { double: on })), toggle("10 s late", late > 0, (on) => act("deliveries", { late: on ? 10 : 0 }))),
    list("events", world.events, "Nothing yet.", (event) => h("li", {}, h("span", { class: `from ${event.provider.toLowerCase()}` }, event.provider), h("code", { title: `${event.type}, ${event.id}` }, event.type),
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
