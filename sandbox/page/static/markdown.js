// The part of Discord's markdown that bots write, as DOM nodes.
import { h, hex } from "./dom.js";

const STYLES = {
  t: { timeStyle: "short" },
  T: { timeStyle: "medium" },
  d: { dateStyle: "short" },
  D: { dateStyle: "long" },
  f: { dateStyle: "long", timeStyle: "short" },
  s: { month: "short", day: "numeric", hour: "numeric", minute: "2-digit" },
  F: { dateStyle: "full", timeStyle: "short" },
};
const STEPS = [["year", 31536000], ["month", 2592000], ["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];

export function stamp(at, style, now) {
  if (style === "R") return relative(at, now);
  return new Intl.DateTimeFormat(undefined, STYLES[style] ?? STYLES.f).format(at * 1000);
}

export function relative(at, now) {
  const away = at - now;
  const [unit, size] = STEPS.find(([, seconds]) => Math.abs(away) >= seconds) ?? STEPS.at(-1);
  return new Intl.RelativeTimeFormat(undefined, { numeric: "auto" }).format(Math.round(away / size), unit);
}

export function refreshTimes(root, now) {
  for (const node of root.querySelectorAll("time[data-at]")) {
    const text = stamp(Number(node.dataset.at), node.dataset.style, now);
    if (node.textContent !== text) node.textContent = text;
  }
}

// Blocks: one look at each line.
const BLOCKS = [
  [/^(#{1,3}) +(.+)$/, (m, world) => h(`h${m[1].length + 2}`, { class: `md-h${m[1].length}` }, inline(m[2], world))],
  [/^-# +(.+)$/, (m, world) => h("div", { class: "subtext" }, inline(m[1], world))],
  [/^> ?(.*)$/, (m, world) => h("blockquote", {}, inline(m[1], world))],
  [/^( *)(?:[-*]|(\d+)\.) +(.+)$/, item],
];

function item(m, world) {
  const mark = m[2] ? `${m[2]}.` : "•";
  return h("div", { class: m[1].length > 1 ? "item deep" : "item" }, h("span", { class: "mark", "aria-hidden": "true" }, mark),
    h("span", {}, inline(m[3], world)));
}

export function markdown(text, world) {
  const out = [];
  for (const [place, part] of text.split(/```(?:\w*\n)?/).entries()) {
    if (place % 2) out.push(h("pre", {}, part.replace(/\n$/, "")));
    else if (part) out.push(...lines(place ? part.replace(/^\n/, "") : part, world));
  }
  return out;
}

function lines(text, world) {
  return text.split("\n").map((line) => {
    for (const [pattern, build] of BLOCKS) {
      const match = pattern.exec(line);
      if (match) return build(match, world);
    }
    return h("div", { class: line ? "line" : "line blank" }, inline(line, world));
  });
}

// Within a line: whichever mark comes first; what it encloses is looked through again.
const SPANS = [
  [/\\([\\*_~|`<>#\-[\]().!:@/&])/, (m) => m[1]],
  [/`([^`]+)`/, (m) => h("code", {}, m[1])],
  [/\*\*(.+?)\*\*(?!\*)/, (m, world) => h("strong", {}, inline(m[1], world))],
  [/__(.+?)__/, (m, world) => h("u", {}, inline(m[1], world))],
  [/~~(.+?)~~/, (m, world) => h("s", {}, inline(m[1], world))],
  [/\|\|(.+?)\|\|/, (m, world) => h("span", { class: "spoiler", tabindex: "0" }, inline(m[1], world))],
  [/\*(\S(?:.*?[^\s\\])?)\*/, (m, world) => h("em", {}, inline(m[1], world))],
  [/(?<!\w)_(\S(?:.*?[^\s\\])?)_(?!\w)/, (m, world) => h("em", {}, inline(m[1], world))],
  [/<t:(-?\d+)(?::([tTdDfFR]))?>/, time],
  [/<@&(\d+)>/, role],
  [/<@!?(\d+)>/, (m, world) => mention(`@${world.users[m[1]]?.name ?? "unknown-user"}`)],
  [/<#(\d+)>/, (m, world) => mention(`#${world.channels[m[1]] ?? "unknown"}`)],
  [/<\/([^:>]+):\d+>/, (m) => mention(`/${m[1]}`)],
  [/\[([^\]]+)\]\((https?:\/\/[^\s)]+)\)/, (m, world) => link(m[2], inline(m[1], world))],
  [/https?:\/\/[^\s<>)]+/, (m) => link(m[0], m[0])],
];

export function inline(text, world) {
  let first = null;
  for (const [pattern, build] of SPANS) {
    const match = pattern.exec(text);
    if (match && (!first || match.index < first.match.index)) first = { match, build };
  }
  if (!first) return text ? [text] : [];
  const { match, build } = first;
  const before = text.slice(0, match.index);
  return [before, build(match, world), ...inline(text.slice(match.index + match[0].length), world)].filter((x) => x !== "");
}

function time(m, world) {
  const at = Number(m[1]), style = m[2] ?? "f";
  return h("time", { "data-at": m[1], "data-style": style, title: stamp(at, "F", world.now) }, stamp(at, style, world.now));
}

function role(m, world) {
  const found = world.roles[m[1]];
  return h("span", { class: "mention to-role", vars: { "--role": hex(found?.color) ?? "var(--soft)" } }, `@${found?.name ?? world.noRole ?? "deleted-role"}`);
}

function mention(text) {
  return h("span", { class: "mention" }, text);
}

export function link(url, children) {
  return h("a", { href: url, target: "_blank", rel: "noopener noreferrer" }, children);
}
