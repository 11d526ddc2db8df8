/** A switch for each category: on is heard, off is muted. */
import { getPreferences, setCategoryPreference } from "./contracts.js";
import { examples } from "./examples.js";
import { $, make, show } from "./view.js";

const known = new Set([...examples.map(({ eventType }) => eventType.split(".")[0]), "general"]);
let shownFor = "";

export async function choicesOf(person) {
  shownFor = person;
  const { categories = [] } = await getPreferences({ userId: person });
  if (shownFor === person) tell(person, categories);
}

function tell(person, chosen) {
  for (const { category } of chosen) if (category !== "*") known.add(category);
  $("categories")?.replaceChildren(...[...known].map((value) => make("option", { value })));
  const switches = [...known].map((category) => ({ category, muted: false, ...chosen.find((each) => each.category === category) }));
  show($("choices"), { person, switches }, () => switches.map((preference) => row(person, preference)));
}

function row(person, preference) {
  const { category, muted } = preference;
  const button = make(
    "button",
    { class: "switch", type: "button", role: "switch", "aria-checked": String(!muted), "aria-label": category, "data-key": category },
    make("span", { class: "knob" }),
  );
  button.addEventListener("click", async () => {
    button.setAttribute("aria-checked", String(muted));
    const { categories = [] } = await setCategoryPreference({ userId: person, preference: { ...preference, muted: !muted } });
    if (shownFor === person) tell(person, categories);
  });
  return make(
    "li",
    { "data-muted": muted ? "" : undefined },
    make("span", {}, category),
    muted ? make("span", { class: "soft" }, "muted") : "",
    button,
  );
}
