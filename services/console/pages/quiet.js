/** A person's quiet hours: a switch, and from when until when. They count in the person's zone, else in this browser's. */
import { setQuietHours } from "./contracts.js";
import { $ } from "./view.js";

const own = Intl.DateTimeFormat().resolvedOptions().timeZone;
/** Whose hours are shown, and the zone that is known of them. */
let shown = { person: "", timeZone: "", days: [] };

export function tellQuietHours(person, { quietHours, timeZone = "" }) {
  const changed = shown.person !== person;
  shown = { person, timeZone, days: quietHours?.days ?? [] };
  $("quiet").setAttribute("aria-checked", String(quietHours !== undefined));
  $("quiet-zone").textContent = timeZone || own;
  if (!quietHours && !changed) return;
  $("quiet-start").value = quietHours?.start ?? "22:00";
  // The end of a day has a time of its own, which no time field can hold.
  $("quiet-end").value = quietHours?.end.replace("24:00", "00:00") ?? "07:00";
}

async function set(on) {
  const { person, timeZone, days } = shown;
  const hours = { start: $("quiet-start").value, end: $("quiet-end").value, days };
  try {
    const answer = await setQuietHours({ userId: person, timeZone: timeZone || own, ...(on && { quietHours: hours }) });
    $("quiet-wrong").textContent = "";
    if (shown.person === person) tellQuietHours(person, answer);
  } catch ({ message, violations = [] }) {
    $("quiet-wrong").textContent = violations.map(({ description }) => description).join("; ") || message;
  }
}

const isOn = () => $("quiet").getAttribute("aria-checked") === "true";

$("quiet").addEventListener("click", () => set(!isOn()));
for (const id of ["quiet-start", "quiet-end"]) $(id).addEventListener("change", () => isOn() && set(true));
