/** Dead letters: what died and the way it went; replays of all that is found, with how far each is. */
import { cancelReplay, createReplay, getDeadLetter, listDeadLetters, listReplays } from "./contracts.js";
import { unlessAllowed } from "./session.js";
import { $, chip, make, pill, rows, show, when, whileVisible, word } from "./view.js";

const EVERY_MS = 1_000;
const PAGE = 50;
const MOST_REPLAYS = 10;
let pages = 1;
/** The ways that were asked for, by the letter's id. They do not change. */
const ways = new Map();

/** As it was when a field was left, not at every letter that is typed. */
let filter = {};

async function found() {
  const letters = [];
  let pageToken = "";
  for (let page = 0; page < pages; page++) {
    const answer = await listDeadLetters({ filter, pageSize: PAGE, pageToken });
    letters.push(...(answer.deadLetters ?? []));
    pageToken = answer.nextPageToken ?? "";
    if (pageToken === "") break;
  }
  return { letters, isMore: pageToken !== "" };
}

async function refresh() {
  const [{ letters, isMore }, { replays = [] }] = await Promise.all([found(), listReplays({ pageSize: MOST_REPLAYS })]);
  $("trouble").hidden = true;
  show($("letters"), [letters, [...ways]], () => rows(letters, letterRow, "None is waiting."));
  show($("reasons"), [...new Set(letters.map(({ reason }) => reason))], (all) => all.map((reason) => make("option", {}, reason)));
  show($("replays"), replays, () => rows(replays, replayRow, "None was begun."));
  $("older").hidden = !isMore;
}

const letterRow = ({ id, queue, reason, detail, diedAtMs, notificationId, userId }) =>
  make(
    "li",
    {},
    make(
      "div",
      { class: "head" },
      notificationId ? make("a", { class: "name", href: `/n/${notificationId}` }, queue) : make("span", { class: "name" }, queue),
      chip(reason),
      when(diedAtMs),
    ),
    userId ? make("p", { class: "soft" }, userId) : "",
    detail ? make("p", { class: "said" }, detail) : "",
    ways.has(id) ? make("ol", { class: "hops" }, ...ways.get(id).map(hopRow)) : wayButton(id),
  );

function wayButton(id) {
  const button = make("button", { class: "button quiet", type: "button", "data-key": `way-${id}` }, "The way it went");
  button.addEventListener("click", () =>
    telling("said", button, async () => {
      const { way = {} } = await getDeadLetter({ id });
      const { hops = [], leftOut = 0 } = way;
      ways.set(id, leftOut > 0 ? [...hops, { leftOut }] : hops);
      return "";
    }),
  );
  return button;
}

function hopRow({ topic, stage, attempt = 0, times = 1, reason, detail, provider, atMs, leftOut }) {
  if (leftOut) return make("li", { class: "soft" }, `${leftOut} more in between are left out`);
  const words = [
    topic ? `${topic}, ${stage}` : "accepted",
    provider,
    attempt > 0 ? `attempt ${attempt}` : "",
    times > 1 ? `${times} times` : "",
  ];
  return make(
    "li",
    {},
    `${words.filter(Boolean).join(" · ")} `,
    reason ? chip(reason) : "",
    " ",
    when(atMs),
    detail ? make("p", { class: "said" }, detail) : "",
  );
}

function replayRow({ id, state, action, filter: asked = {}, ratePerSecond, createdAtMs, trouble, ...counts }) {
  const { matched = "0", replayed = "0", discarded = "0", refused = {}, gone = "0" } = counts;
  const name = action === "REPLAY_ACTION_DISCARD" ? "Discarding" : "Replay";
  const stands = word(state);
  const refusals = Object.entries(refused).map(([reason, count]) => `${count} refused: ${reason}`);
  const done = Number(replayed) + Number(discarded) + Number(gone) + Object.values(refused).reduce((sum, count) => sum + Number(count), 0);
  const said = [
    `${replayed} replayed`,
    discarded === "0" ? "" : `${discarded} discarded`,
    ...refusals,
    gone === "0" ? "" : `${gone} gone before`,
  ];
  return make(
    "li",
    {},
    make(
      "div",
      { class: "head" },
      make("span", { class: "name" }, name),
      ...[asked.queue, asked.reason, asked.userId].filter(Boolean).map(chip),
      pill(stands),
      when(createdAtMs),
    ),
    make("progress", { max: String(Math.max(1, Number(matched))), value: String(done), "aria-label": `${done} of ${matched}` }),
    make("p", { class: "soft" }, `${done} of ${matched}, at most ${ratePerSecond} a second: ${said.filter(Boolean).join(", ")}`),
    trouble ? make("p", { class: "said" }, `It stands still: ${trouble}`) : "",
    stands === "waiting" || stands === "running" ? cancelButton(id) : "",
  );
}

function cancelButton(id) {
  const button = unlessAllowed("admin", make("button", { class: "button quiet", type: "button", "data-key": `cancel-${id}` }, "Cancel it"));
  button.addEventListener("click", () =>
    telling("replays-said", button, async () => {
      await cancelReplay({ id });
      return "Canceled.";
    }),
  );
  return button;
}

function trouble({ message }) {
  $("trouble").textContent = message;
  $("trouble").hidden = false;
}

/** Does what a button asks for, and says what came of it. */
async function telling(where, button, act) {
  button.disabled = true;
  try {
    $(where).textContent = await act();
    await refresh();
  } catch ({ message }) {
    $(where).textContent = message;
  } finally {
    button.disabled = false;
  }
}

const begin = (button, action, said) =>
  telling("replays-said", button, async () => {
    await createReplay({ filter, action, ratePerSecond: Number($("rate").value) });
    return said;
  });

$("begin").addEventListener("submit", (event) => {
  event.preventDefault();
  begin($("replay"), "REPLAY_ACTION_REPLAY", "Begun.");
});
$("discard").addEventListener("click", () => {
  const isSure = confirm("Discard all that is found? They can be read until they are forgotten, and not be replayed any more.");
  if (isSure) begin($("discard"), "REPLAY_ACTION_DISCARD", "Begun.");
});
for (const id of ["replay", "discard", "rate"]) unlessAllowed("admin", $(id));
for (const id of ["queue", "reason", "user"])
  $(id).addEventListener("change", () => {
    filter = { queue: $("queue").value, reason: $("reason").value.trim(), userId: $("user").value.trim() };
    pages = 1;
    refresh().catch(trouble);
  });
$("older").addEventListener("click", () => {
  pages++;
  refresh().catch(trouble);
});
whileVisible(EVERY_MS, refresh, trouble);
