// Fills the panels of the overview, and keeps them up to date. A panel always says in which of its states it is:
// loading, data, no data, partial or stale (with the reason), error. Text is only ever set as text.

const EVERY = 5000;
// An overview that is this old is called stale, whatever was said when it came.
const STALE_AFTER = 20000;
const SOURCE = "/admin/ops/overview.json";

const STATES = {
  loading: ["◌", "loading"],
  data: ["✓", "data"],
  "no-data": ["○", "no data"],
  partial: ["◐", "partial"],
  stale: ["▲", "stale"],
  error: ["✗", "error"],
};
const MARKS = { healthy: "✓", degraded: "▲", unknown: "?", unhealthy: "✗", open: "✗", closed: "✓" };

const byId = (id) => document.getElementById(id);
const panels = [...document.querySelectorAll(".panel")];

// What is shown: the last overview, when it came, and what has gone wrong since.
let shown = null;
let paused = false;
let timer = null;

// ---- what a panel is made of

function element(name, text, attributes = {}) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  return made;
}

function lead(value, unit) {
  const made = element("p", value, { class: "lead" });
  made.append(" ", element("small", unit));
  return made;
}

function figures(pairs) {
  const list = element("dl");
  for (const [name, value] of pairs) list.append(element("dt", name), element("dd", value));
  return list;
}

function badge(state, text = state) {
  const made = element("span", undefined, { class: "badge", "data-state": state });
  made.append(element("span", MARKS[state] ?? "?", { class: "mark", "aria-hidden": "true" }), " ", element("span", text));
  return made;
}

function list(items, row) {
  const made = element("ul");
  for (const item of items) made.append(row(item));
  return made;
}

// ---- how figures are written

const count = new Intl.NumberFormat("en");
const number = (value) => (Number.isFinite(value) ? count.format(value) : "–");
const rate = (value) => (Number.isFinite(value) ? value.toLocaleString("en", { maximumFractionDigits: value < 10 ? 2 : 0 }) : "–");
const percent = (ratio) => (Number.isFinite(ratio) ? `${(100 * ratio).toLocaleString("en", { maximumFractionDigits: 2 })} %` : "–");
const clock = (text) => new Date(text).toLocaleTimeString("en-GB");

function span(seconds) {
  if (!Number.isFinite(seconds)) return "–";
  if (seconds < 1) return `${Math.round(seconds * 1000)} ms`;
  if (seconds < 120) return `${rate(seconds)} s`;
  return seconds < 7200 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`;
}

const age = ({ waiting, in_flight = 0, oldest_seconds }) => (waiting + in_flight > 0 ? span(oldest_seconds) : "–");

// ---- the panels

const VIEWS = {
  health: ({ status, components }) => [
    badge(status),
    list(components, ({ name, status }) => {
      const row = element("li", name);
      row.append(badge(status));
      return row;
    }),
  ],
  queues: ({ outbox, node_tasks }) => [
    lead(number(outbox.waiting + node_tasks.waiting), "messages wait"),
    figures([
      ["Outbox", number(outbox.waiting)],
      ["Oldest in the outbox", age(outbox)],
      ["Node tasks", number(node_tasks.waiting)],
      ["Oldest node task", age(node_tasks)],
      ["Being worked on", number(node_tasks.in_flight)],
      ["Given up", number(node_tasks.dead)],
    ]),
  ],
  throughput: ({ requests, requests_per_second, allocations }) => [
    lead(rate(requests_per_second), "requests a second"),
    figures([
      ["Requests", number(requests)],
      ["Allocations requested", number(allocations.requested)],
      ["… became active", number(allocations.active)],
      ["… were given back", number(allocations.released)],
    ]),
  ],
  errors: ({ failed, failed_ratio, refused, latency_p95_seconds, latency_p99_seconds, allocations_failed, by_code }) => {
    const parts = [
      lead(percent(failed_ratio), "of requests failed"),
      figures([
        ["Failed (5xx)", number(failed)],
        ["Refused (4xx)", number(refused)],
        ["Allocations failed", number(allocations_failed)],
        ["Latency, 95 of 100 within", span(latency_p95_seconds)],
        ["Latency, 99 of 100 within", span(latency_p99_seconds)],
      ]),
    ];
    if (by_code.length > 0) {
      parts.push(
        list(by_code, ({ error_code, count }) => {
          const row = element("li");
          row.append(element("code", error_code), element("span", number(count)));
          return row;
        }),
      );
    }
    return parts;
  },
  incidents: ({ open, recent }) => [
    lead(number(open), "open"),
    list(recent, ({ kind, error_code, count, open, last_opened_at, last_trace_id }) => {
      const row = element("li");
      row.append(element("span", `${kind} × ${number(count)}`));
      row.append(badge(open > 0 ? "open" : "closed", open > 0 ? `${number(open)} open` : "closed"));
      const small = element("small", `last ${clock(last_opened_at)}, `);
      small.append(element("code", error_code));
      if (last_trace_id) small.append(", trace ", element("code", last_trace_id));
      row.append(small);
      return row;
    }),
  ],
};

function set(panel, state, reason, parts) {
  const [mark, word] = STATES[state];
  panel.dataset.state = state;
  panel.setAttribute("aria-busy", String(state === "loading"));
  panel.querySelector(".state .mark").textContent = mark;
  panel.querySelector(".state .word").textContent = word;
  panel.querySelector(".reason").textContent = reason ?? "";
  if (parts) panel.querySelector(".content").replaceChildren(...parts);
}

// One panel from its section of the overview.
function fill(panel, section) {
  try {
    if (!section) throw new Error("the overview has no such section");
    if (section.state === "error") return set(panel, "error", section.reason, []);
    const parts = VIEWS[panel.id](section);
    const state = { ok: "data", no_data: "no-data", partial: "partial" }[section.state] ?? "error";
    set(panel, state, section.reason, parts);
  } catch (error) {
    set(panel, "error", `this panel cannot be shown: ${error.message}`, []);
  }
}

// What is seen is written at each refresh; what is read out changes only with the state of the whole.
function summary(state, text) {
  byId("summary").textContent = text;
  const line = byId("announcement");
  if (line.dataset.state === state) return;
  line.dataset.state = state;
  line.textContent = text;
}

function show(overview) {
  shown = { overview, at: Date.now() };
  for (const panel of panels) fill(panel, overview[panel.id]);
  const { generated_at, window } = overview;
  summary("data", `As of ${clock(generated_at)}, over ${span(window.covered_seconds)}${paused ? ", paused" : ""}`);
}

// What is there is kept, and said to be stale with the reason; what is not there yet is an error.
function fail(reason) {
  for (const panel of panels) {
    if (shown && panel.dataset.state !== "error") set(panel, "stale", `as of ${clock(shown.overview.generated_at)}: ${reason}`);
    else set(panel, "error", reason, []);
  }
  if (shown) summary("stale", `Stale: ${reason}`);
  else summary("error", `Error: ${reason}`);
}

async function look() {
  try {
    const answer = await fetch(SOURCE, { headers: { accept: "application/json" }, signal: AbortSignal.timeout(15000) });
    const body = await answer.json();
    if (answer.ok) show(body);
    else fail(`${body.title} (${body.error_code}, request ${body.request_id})`);
  } catch (error) {
    fail(error.name === "TimeoutError" ? "there was no answer within 15 s" : "the web front does not answer");
  }
}

async function go() {
  clearTimeout(timer);
  if (!document.hidden) await look();
  else if (shown && Date.now() - shown.at > STALE_AFTER) fail("not refreshed while nobody looked");
  if (!paused) timer = setTimeout(go, EVERY);
}

// ---- what people do

function pause() {
  paused = !paused;
  byId("pause").setAttribute("aria-pressed", String(paused));
  byId("pause").textContent = paused ? "Go on" : "Pause";
  if (paused) clearTimeout(timer);
  if (paused && shown) summary("paused", `As of ${clock(shown.overview.generated_at)}, paused`);
  if (!paused) go();
}

function move(by) {
  const at = panels.indexOf(document.activeElement);
  const next = at < 0 ? (by > 0 ? 0 : panels.length - 1) : (at + by + panels.length) % panels.length;
  panels[next].focus();
}

async function copy() {
  const text = byId("curl").textContent;
  try {
    await navigator.clipboard.writeText(text);
    byId("copied").textContent = "Copied.";
  } catch {
    getSelection().selectAllChildren(byId("curl"));
    byId("copied").textContent = "Selected; copy it by hand.";
  }
}

const KEYS = { j: () => move(1), k: () => move(-1), r: go, p: pause, "?": () => byId("help").showModal() };

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest?.("input, textarea, select, dialog");
  if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
  const act = KEYS[event.key];
  if (!act) return;
  event.preventDefault();
  act();
});
byId("refresh").addEventListener("click", go);
byId("pause").addEventListener("click", pause);
byId("help-open").addEventListener("click", () => byId("help").showModal());
byId("copy").addEventListener("click", copy);
document.addEventListener("visibilitychange", () => {
  if (!document.hidden && !paused) go();
});

go();
