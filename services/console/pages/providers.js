/** Integrations: whether each serves, what it may still send, who moved it by hand; pausing it and holding its breaker. */
import { getIntegration, listIntegrations, pauseIntegration, resumeIntegration, setBreaker } from "./contracts.js";
import { unlessAllowed } from "./session.js";
import { $, chip, make, pill, rows, show, when, whileVisible, word } from "./view.js";

const EVERY_MS = 1_000;
const MOST_ORDERS = 5;

async function refresh() {
  const { integrations = [] } = await listIntegrations({});
  const all = await Promise.all(integrations.map(({ id }) => getIntegration({ id })));
  $("trouble").hidden = true;
  show($("integrations"), all, () => rows(all, row, "None is configured that could be out."));
}

function row({ integration, orders = [] }) {
  const { id, channel, provider, place, paused = false, phase, mode, sinceMs = "0", failures = 0, rate } = integration;
  const isHeld = mode !== "BREAKER_MODE_AUTO";
  const order = (name, key, act) => button(`${name}`, `${key}-${id}`, act);
  return make(
    "li",
    {},
    make(
      "div",
      { class: "head" },
      make("span", { class: "name" }, id),
      chip(word(channel)),
      chip(provider),
      paused ? pill("paused") : "",
      pill(word(phase).replace("_", "-")),
      isHeld ? chip("by hand") : "",
      sinceMs === "0" ? "" : when(sinceMs),
    ),
    make(
      "p",
      { class: "soft" },
      [`choice ${place}`, failures > 0 ? `${failures} failures in a row` : "", rate ? tokensOf(rate) : "no rate"]
        .filter(Boolean)
        .join(" · "),
    ),
    make(
      "div",
      { class: "row" },
      paused
        ? order("Resume", "resume", (why) => resumeIntegration({ id, why }))
        : order("Pause", "pause", (why) => pauseIntegration({ id, why })),
      mode === "BREAKER_MODE_FORCED_OPEN"
        ? ""
        : order("Hold open", "open", (why) => setBreaker({ id, mode: "BREAKER_MODE_FORCED_OPEN", why })),
      mode === "BREAKER_MODE_FORCED_CLOSED"
        ? ""
        : order("Hold closed", "closed", (why) => setBreaker({ id, mode: "BREAKER_MODE_FORCED_CLOSED", why })),
      isHeld ? order("Let it go", "auto", (why) => setBreaker({ id, mode: "BREAKER_MODE_AUTO", why })) : "",
    ),
    make("ul", { class: "hops" }, ...orders.slice(0, MOST_ORDERS).map(orderRow)),
  );
}

const tokensOf = ({ perSecond = 0, burst = 0, tokens = 0 }) =>
  `${Math.floor(tokens)} of ${Math.floor(burst)} tokens, ${perSecond.toFixed(1)} a second`;

const orderRow = ({ atMs, action, by, why }) =>
  make("li", { class: "soft" }, `${word(action).replace("_", " ")} by ${by}: ${why} `, when(atMs));

function button(name, key, act) {
  const control = unlessAllowed("admin", make("button", { class: "button quiet", type: "button", "data-key": key }, name));
  control.addEventListener("click", async () => {
    const why = $("why").value.trim();
    $("why-wrong").hidden = why !== "";
    if (why === "") return $("why").focus();
    control.disabled = true;
    try {
      await act(why);
      // The next order has a reason of its own.
      $("why").value = "";
      $("said").textContent = "Done: it holds everywhere within a second.";
      await refresh();
    } catch ({ message }) {
      $("said").textContent = message;
    } finally {
      control.disabled = false;
    }
  });
  return control;
}

whileVisible(EVERY_MS, refresh, ({ message }) => {
  $("trouble").textContent = message;
  $("trouble").hidden = false;
});
