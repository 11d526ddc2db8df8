/** One person: where they can be reached, what they want to hear, their inbox, and what was and was not sent, with the reasons. */
import { choicesOf } from "./choices.js";
import { discardDeadLetters, getPerson, listDeadLetters, listMessages, listNotifications, replayDeadLetters } from "./contracts.js";
import { unlessAllowed } from "./session.js";
import { $, chip, make, pill, rows, show, when, whileVisible, word } from "./view.js";

const EVERY_MS = 2_000;
const PAGE = 20;
const userId = decodeURIComponent(location.pathname.split("/").at(-1));
/** Pages shown. */
let pages = 1;

async function refresh() {
  const filter = { userId };
  const [{ person }, { messages = [] }, { deadLetters = [] }, notifications] = await Promise.all([
    getPerson({ userId }),
    listMessages({ userId, limit: 10 }),
    listDeadLetters({ filter }),
    sentPages(),
  ]);
  $("trouble").hidden = true;
  show($("reach"), person, factsOf);
  show($("inbox"), messages, () => rows(messages.toReversed(), messageRow, "Nothing was delivered here yet."));
  show($("dead"), deadLetters, () => rows(deadLetters, deadRow, "None is waiting."));
  show($("sent"), notifications, () => rows(notifications, notificationRow, "Nothing was asked for yet."));
}

async function sentPages() {
  const all = [];
  let pageToken = "";
  for (let page = 0; page < pages; page++) {
    const { notifications = [], nextPageToken = "" } = await listNotifications({ userId, pageSize: PAGE, pageToken });
    all.push(...notifications);
    pageToken = nextPageToken;
    if (pageToken === "") break;
  }
  $("older").hidden = pageToken === "";
  return all;
}

function factsOf({ name, email, locale, timeZone, createdAtMs }) {
  $("title").textContent = name || userId;
  document.title = `${name || userId} · Carillon`;
  const facts = [
    ["Id", userId],
    ["Email", email || "none known: email is not used"],
    ["Web", "their inbox, and every browser that is open"],
    ["Locale", locale],
    ["Time zone", timeZone],
    ["Known since", when(createdAtMs)],
  ];
  return facts.flatMap(([term, value]) => (value ? [make("dt", {}, term), make("dd", {}, value)] : []));
}

/** Each channel with what became of it and why, also the ones that were not used. */
const notificationRow = ({ notificationId, status, content = {}, eventType, createdAtMs, deliveries = [] }) =>
  make(
    "li",
    {},
    make(
      "div",
      { class: "head" },
      make(
        "a",
        { class: "name", href: `/n/${notificationId}`, "data-key": notificationId },
        content.title || content.body || eventType || "Untitled",
      ),
      when(createdAtMs),
      pill(word(status)),
    ),
    ...deliveries.filter((delivery) => delivery.userId === userId).map(deliveryLine),
  );

const deliveryLine = ({ channel, status, explanation = "", reason = "" }) =>
  make("p", { class: "why" }, chip(word(channel)), pill(word(status)), make("span", { class: "soft" }, explanation || reason));

const messageRow = ({ notificationId, title, body = "", createdAtMs }) =>
  make(
    "li",
    {},
    make(
      "div",
      { class: "head" },
      make("a", { class: "name", href: `/n/${notificationId}`, "data-key": notificationId }, title || body || "Untitled"),
      when(createdAtMs),
    ),
  );

const deadRow = ({ id, queue, reason, detail, diedAtMs, notificationId }) =>
  make(
    "li",
    {},
    make("div", { class: "head" }, make("a", { class: "name", href: `/n/${notificationId}` }, queue), chip(reason), when(diedAtMs)),
    detail ? make("p", { class: "said" }, detail) : "",
    make(
      "div",
      { class: "row" },
      action("Replay", `replay-${id}`, () => replay(id)),
      action("Discard", `discard-${id}`, () => discard(id)),
    ),
  );

function action(name, key, act) {
  const button = unlessAllowed("admin", make("button", { class: "button quiet", type: "button", "data-key": key }, name));
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      $("dead-said").textContent = await act();
      await refresh();
    } catch ({ message }) {
      $("dead-said").textContent = message;
    } finally {
      button.disabled = false;
    }
  });
  return button;
}

async function replay(id) {
  const { results = [] } = await replayDeadLetters({ ids: [id] });
  const [{ outcome, reason }] = results;
  if (outcome === "OUTCOME_REPLAYED") return "It is on its way again.";
  return outcome === "OUTCOME_REFUSED" ? `Not replayed: ${reason}.` : "It was settled before.";
}

async function discard(id) {
  const { results = [] } = await discardDeadLetters({ ids: [id] });
  return results[0]?.outcome === "OUTCOME_DISCARDED" ? "Discarded." : "It was settled before.";
}

$("id").textContent = userId;
$("older").addEventListener("click", () => {
  pages++;
  refresh();
});
choicesOf(userId);
whileVisible(EVERY_MS, refresh, ({ message }) => {
  $("trouble").textContent = `This cannot be read right now (${message}) Trying again.`;
  $("trouble").hidden = false;
});
