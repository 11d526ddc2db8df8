/** A switch for each category: on is heard, off is muted, for good or for an hour; and the person's quiet hours. */
import { getPreferences, setCategoryPreference } from "./contracts.js";
import { examples } from "./examples.js";
import { tellQuietHours } from "./quiet.js";
import { unlessAllowed } from "./session.js";
import { $, make, show } from "./view.js";

const HOUR_MS = 3_600_000;

const known = new Set([...examples.map(({ eventType }) => eventType.split(".")[0]), "general"]);
const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "short" });
const parts = [$("choices"), $("quiet-hours")];
let shownFor = "";

export async function choicesOf(person) {
  shownFor = person;
  // What is still shown is another person's, and must not be changed in this one's name.
  for (const part of parts) part.inert = true;
  const { categories = [], ...hours } = await getPreferences({ userId: person });
  if (shownFor !== person) return;
  tell(person, categories);
  tellQuietHours(person, hours);
  for (const part of parts) part.inert = false;
}

function tell(person, chosen) {
  for (const { category } of chosen) if (category !== "*") known.add(category);
  $("categories")?.replaceChildren(...[...known].map((value) => make("option", { value })));
  const switches = [...known].map((category) => ({ category, muted: false, ...chosen.find((each) => each.category === category) }));
  show($("choices"), { person, switches }, () => switches.map((preference) => row(person, preference)));
}

function row(person, preference) {
  const { category } = preference;
  const untilMs = Number(preference.mutedUntilMs ?? 0);
  const forAWhile = !preference.muted && untilMs > Date.now();
  const muted = preference.muted || forAWhile;
  const choose = async (change) => {
    const { categories = [] } = await setCategoryPreference({ userId: person, preference: { ...preference, ...change } });
    if (shownFor === person) tell(person, categories);
  };
  const button = make(
    "button",
    { class: "switch", type: "button", role: "switch", "aria-checked": String(!muted), "aria-label": category, "data-key": category },
    make("span", { class: "knob" }),
  );
  button.addEventListener("click", () => {
    button.setAttribute("aria-checked", String(muted));
    choose({ muted: !muted, mutedUntilMs: "0" });
  });
  const hour = make("button", { class: "button quiet", type: "button", "aria-label": `Mute ${category} for 1 hour` }, "Mute 1 h");
  hour.addEventListener("click", () => choose({ mutedUntilMs: String(Date.now() + HOUR_MS) }));
  for (const control of [button, hour]) unlessAllowed("send", control);
  return make(
    "li",
    { "data-muted": muted ? "" : undefined },
    make("span", {}, category),
    muted ? make("span", { class: "soft" }, forAWhile ? `muted until ${clock.format(untilMs)}` : "muted") : hour,
    button,
  );
}
