/** A person's quiet hours: a switch, and from when until when. They count in the person's zone, else in this browser's. */
import { setQuietHours } from "./contracts.js";
import { unlessAllowed } from "./session.js";
import { $, make } from "./view.js";

const own = Intl.DateTimeFormat().resolvedOptions().timeZone;
/** Whose hours are shown, and what of them this page does not change. */
let shown = { person: "", timeZone: "", days: [] };

const start = make("input", { type: "time", id: "quiet-start", "aria-label": "Quiet from", value: "22:00" });
const end = make("input", { type: "time", id: "quiet-end", "aria-label": "Quiet until", value: "07:00" });
const toggle = make(
  "button",
  { class: "switch", id: "quiet", type: "button", role: "switch", "aria-checked": "false", "aria-label": "Quiet hours" },
  make("span", { class: "knob" }),
);
const zone = make("span", { id: "quiet-zone" });
const wrong = make("p", { class: "wrong", role: "status" });

$("quiet-hours").append(
  make("fieldset", { class: "hours" }, make("legend", {}, "Quiet hours"), start, make("span", { class: "soft" }, "to"), end, toggle),
  make("p", { class: "hint" }, "Until they end everything waits, except what is critical. By the clock of ", zone, "."),
  wrong,
);

export function tellQuietHours(person, { quietHours, timeZone = "" }) {
  const changed = shown.person !== person;
  shown = { person, timeZone, days: quietHours?.days ?? [] };
  toggle.setAttribute("aria-checked", String(quietHours !== undefined));
  zone.textContent = timeZone || own;
  if (!quietHours && !changed) return;
  start.value = quietHours?.start ?? "22:00";
  // The end of a day has a time of its own, which no time field can hold.
  end.value = quietHours?.end.replace("24:00", "00:00") ?? "07:00";
}

async function set(on) {
  const { person, timeZone, days } = shown;
  const quietHours = { start: start.value, end: end.value, days };
  try {
    const answer = await setQuietHours({ userId: person, timeZone: timeZone || own, ...(on && { quietHours }) });
    wrong.textContent = "";
    if (shown.person === person) tellQuietHours(person, answer);
  } catch ({ message, violations = [] }) {
    wrong.textContent = violations.map(({ description }) => description).join("; ") || message;
  }
}

for (const control of [start, end, toggle]) unlessAllowed("send", control);

const isOn = () => toggle.getAttribute("aria-checked") === "true";

toggle.addEventListener("click", () => set(!isOn()));
for (const time of [start, end]) time.addEventListener("change", () => isOn() && set(true));
