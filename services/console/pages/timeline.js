/** One notification: what was asked, each step with its reasons, the attempts; live until it is settled. */
import { call, fill, make, pill, when, whileVisible, word } from "/assets/api.js";

const $ = (id) => document.getElementById(id);
const notificationId = location.pathname.split("/").at(-1);

const step = ({ stage, atMs, userId, channel, sentences = [], attempt }) =>
  make(
    "li",
    { "data-stage": stage },
    make(
      "div",
      { class: "head" },
      make("strong", {}, stage),
      channel ? make("span", { class: "pill" }, word(channel)) : "",
      userId ? make("span", { class: "small" }, `for ${userId}`) : "",
      attempt ? make("span", { class: "small" }, `attempt ${attempt}`) : "",
      when(atMs),
    ),
    ...sentences.map((sentence) => make("p", {}, sentence)),
  );

const attemptRow = ({ channel, attempt = 0, status, detail, provider, atMs }) =>
  make(
    "li",
    {},
    make("div", { class: "head" }, make("span", {}, `${word(channel)} by ${provider || "nobody yet"}${attempt ? `, attempt ${attempt}` : ""}`), pill(word(status)), when(atMs)),
    detail ? make("span", { class: "small" }, detail) : "",
  );

function facts({ eventType, category, actor, recipients = [], content = {}, metadata }) {
  const rows = {
    to: recipients.map(({ userId, email }) => [userId, email].filter(Boolean).join(" at ")).join(", "),
    "event type": eventType,
    category,
    actor,
    text: content.body || content.html,
    metadata: metadata && JSON.stringify(metadata),
    id: notificationId,
  };
  return Object.entries(rows).flatMap(([name, value]) => (value ? [make("dt", {}, name), make("dd", {}, value)] : []));
}

async function show() {
  const { notification } = await call("tracker.v1.TrackerService", "GetNotification", { notificationId });
  const { steps = [] } = await call("tracker.v1.TrackerService", "Explain", { notificationId });
  const { attempts = [] } = await call("tracker.v1.TrackerService", "ListAttempts", { notificationId });
  const status = word(notification.status);
  $("title").textContent = notification.content?.title || "Untitled";
  fill($("summary"), ["Asked ", when(notification.createdAtMs)]);
  fill($("status"), [pill(status)]);
  fill($("facts"), facts(notification));
  fill($("steps"), steps.map(step));
  fill($("attempts"), attempts.length === 0 ? [make("li", { class: "empty" }, "None.")] : attempts.map(attemptRow));
  return status === "processing";
}

whileVisible(700, async () => {
  try {
    return await show();
  } catch (error) {
    const unknown = error.code === "not_found" || error.code === "invalid_argument";
    $("title").textContent = unknown ? "There is no such notification" : "This cannot be shown right now";
    fill($("summary"), [unknown ? "Check the link, or look among the " : "Trying again. ", make("a", { href: "/" }, "recent notifications"), "."]);
    return !unknown;
  }
});
