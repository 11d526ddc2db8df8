/** How things are shown: elements made without HTML (data stays text), pills, times, and reading again while somebody looks. */

export const $ = (id) => document.getElementById(id);

/** make("li", { class: "x" }, "text", child); an attribute that is undefined is left out, and so is a child that is "". */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) if (value !== undefined) element.setAttribute(name, value);
  element.append(...children.filter((child) => child !== ""));
  return element;
}

const shown = new WeakMap();

/** Fills an element anew when its data has changed; the focus stays on what bears the same data-key. */
export function show(element, data, build) {
  const state = JSON.stringify(data);
  if (shown.get(element) === state) return;
  shown.set(element, state);
  const focused = element.contains(document.activeElement) ? document.activeElement.dataset.key : undefined;
  element.replaceChildren(...[build(data)].flat());
  if (focused) element.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
}

/** A list of rows, or a sentence where there are none. */
export const rows = (items, row, none) => (items.length > 0 ? items.map(row) : [make("li", { class: "empty" }, none)]);

/** "NOTIFICATION_STATUS_SENT" -> "sent". */
export const word = (name = "") =>
  name.replace(/^(NOTIFICATION_STATUS|DELIVERY_STATUS|CHANNEL|PRIORITY|REPLAY_STATE|BREAKER_PHASE|BREAKER_MODE|ACTION)_/, "").toLowerCase();
export const pill = (status) => make("span", { class: "pill", "data-status": status }, status);
export const chip = (text) => make("span", { class: "chip" }, text);

const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
const units = [
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
  ["second", 1],
];

function saidOf(ms) {
  const seconds = Math.round((ms - Date.now()) / 1_000);
  if (Math.abs(seconds) < 2) return "just now";
  const [unit, length] = units.find(([, each]) => Math.abs(seconds) >= each);
  return relative.format(Math.trunc(seconds / length), unit);
}

export function when(ms) {
  const date = new Date(Number(ms));
  return make("time", { datetime: date.toISOString(), title: date.toLocaleString(), "data-relative": "" }, saidOf(date.getTime()));
}

setInterval(() => {
  for (const time of document.querySelectorAll("time[data-relative]")) {
    const said = saidOf(Date.parse(time.dateTime));
    if (time.textContent !== said) time.textContent = said;
  }
}, 1_000);

/** Runs now and again, while somebody looks, until it answers false. A failed turn is told and tried again. */
export function whileVisible(everyMs, run, failed = () => {}) {
  const turn = async () => {
    let goesOn = true;
    try {
      if (!document.hidden) goesOn = (await run()) !== false;
    } catch (error) {
      failed(error);
    }
    if (goesOn) setTimeout(turn, everyMs);
  };
  turn();
}
