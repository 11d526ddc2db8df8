/** The story along a rail: steps of the same kind at the same moment stand together, each with the time since it was asked. */
import { chip, make, word } from "./view.js";

export function railOf(steps) {
  const startMs = Number(steps[0]?.atMs ?? 0);
  return grouped(steps).map((group) => groupRow(group, startMs));
}

/** Steps that tell the same of several channels or people become one. */
function grouped(steps) {
  const groups = [];
  for (const step of steps) {
    const { stage, atMs, sentences = [], attempt = 0 } = step;
    const key = JSON.stringify([stage, atMs, sentences, attempt]);
    const last = groups.at(-1);
    if (last?.key === key) last.places.push(placeOf(step));
    else groups.push({ key, stage, atMs: Number(atMs), sentences, attempt, places: [placeOf(step)] });
  }
  return groups;
}

const placeOf = ({ userId, channel }) => [userId, channel && word(channel)].filter(Boolean).join(" · ");

function groupRow({ stage, atMs, sentences, attempt, places }, startMs) {
  const date = new Date(atMs);
  return make(
    "li",
    { "data-stage": stage },
    make(
      "div",
      { class: "head" },
      make("strong", {}, stage),
      ...places.filter(Boolean).slice(0, 12).map(chip),
      places.length > 12 ? chip(`and ${places.length - 12} more`) : "",
      attempt > 1 ? make("span", { class: "soft" }, `attempt ${attempt}`) : "",
      make(
        "time",
        { datetime: date.toISOString(), title: date.toLocaleString() },
        atMs > startMs ? `+${spanOf(atMs - startMs)}` : date.toLocaleTimeString(),
      ),
    ),
    ...sentences.map((sentence) => make("p", {}, sentence)),
  );
}

function spanOf(ms) {
  if (ms < 1_000) return `${ms} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(1)} s`;
  return ms < 3_600_000 ? `${Math.floor(ms / 60_000)} min ${Math.round((ms % 60_000) / 1_000)} s` : `${(ms / 3_600_000).toFixed(1)} h`;
}
