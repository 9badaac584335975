// Keeps the states of the allocations on the page up to date as long as one of them is on its way.

const EVERY = 1000;
const live = document.getElementById("live");

async function look() {
  const answer = await fetch("/allocations/progress", { headers: { accept: "application/json" } });
  if (!answer.ok) return;
  for (const progress of await answer.json()) show(progress);
}

function show({ id, state, mark, node, error_code }) {
  const row = document.querySelector(`[data-allocation="${CSS.escape(id)}"]`);
  const badge = row?.querySelector(".badge");
  if (!badge || badge.dataset.state === state) return;
  badge.dataset.state = state;
  badge.querySelector(".mark").textContent = mark;
  badge.querySelector(".word").textContent = state;
  if (node) row.querySelector(".node").textContent = node;
  if (error_code) {
    const code = document.createElement("code");
    code.textContent = error_code;
    badge.after(" ", code);
  }
  if (state === "failed" || state === "released") row.querySelector(".actions").replaceChildren();
  live.textContent = `${id} is ${state}`;
}

function onTheirWay() {
  const states = [...document.querySelectorAll("[data-allocation] .badge")];
  return states.some((badge) => ["requested", "provisioning"].includes(badge.dataset.state));
}

async function go() {
  if (!onTheirWay()) return;
  // While nobody looks nothing is asked; an answer that does not come is asked for again.
  if (!document.hidden) await look().catch(() => {});
  setTimeout(go, EVERY);
}

setTimeout(go, EVERY);
