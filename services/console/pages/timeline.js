/** One notification: each step with its reasons, the deliveries, the attempts, what was asked; live until it is settled. */
import { cancel, explain, getNotification, listAttempts } from "./contracts.js";
import { railOf } from "./rail.js";
import { may } from "./session.js";
import { $, chip, make, pill, rows, show, when, whileVisible, word } from "./view.js";

const EVERY_MS = 700;
const MOST_ROWS = 100;
const ERASED = "Nothing is told of it any more.";
const notificationId = location.pathname.split("/").at(-1);
$("id").textContent = notificationId;

whileVisible(
  EVERY_MS,
  async () => {
    const [{ notification }, { steps = [] }, { attempts = [] }] = await Promise.all([
      getNotification({ notificationId }),
      explain({ notificationId }),
      listAttempts({ notificationId }),
    ]);
    $("trouble").hidden = true;
    tell(notification, steps, attempts);
    return word(notification.status) === "processing";
  },
  ({ message }) => {
    $("trouble").textContent = `This cannot be read right now (${message}) Trying again.`;
    $("trouble").hidden = false;
  },
);

$("cancel").addEventListener("click", async () => {
  $("cancel").disabled = true;
  await cancel({ notificationId }).catch(({ message }) => {
    $("trouble").textContent = message;
    $("trouble").hidden = false;
  });
  $("cancel").disabled = false;
});

function tell(notification, steps, attempts) {
  const { content = {}, eventType, status, sendAtMs = "0", deliveries = [], recipients = [] } = notification;
  const isErased = word(status) === "erased";
  const title = isErased ? "Erased" : content.title || eventType || "Untitled";
  document.title = `${title} · Carillon`;
  $("title").textContent = title;
  show($("status"), word(status), pill);
  show($("summary"), notification, () => [
    isErased ? "with everybody whom it was for, asked " : `for ${forWhom(recipients)}, asked `,
    when(notification.createdAtMs),
    ...(Number(sendAtMs) > Date.now() ? [", scheduled for ", when(sendAtMs)] : []),
  ]);
  const isOpen = word(status) === "processing";
  $("cancel").hidden = !isOpen || !may("send");
  $("cancel-needs").hidden = !isOpen || may("send");
  show($("steps"), steps, railOf);
  show($("deliveries"), [deliveries, isErased], () =>
    rows(deliveries.slice(0, MOST_ROWS), deliveryRow, isErased ? ERASED : "Not decided yet."),
  );
  const noAttempt = isErased ? ERASED : "None: nothing has reached for a provider.";
  show($("attempts"), [attempts, noAttempt], () => rows(attempts.slice(-MOST_ROWS), attemptRow, noAttempt));
  show($("facts"), notification, isErased ? () => make("dd", {}, ERASED) : factsOf);
}

const forWhom = (recipients) => (recipients.length === 1 ? recipients[0].userId || recipients[0].email : `${recipients.length} recipients`);

const deliveryRow = ({ userId, channel, status, target, attempts = 0, dueAtMs = "0" }) =>
  make(
    "li",
    {},
    make(
      "div",
      { class: "head" },
      make("span", { class: "name" }, target || userId || "bare address"),
      chip(word(channel)),
      pill(word(status)),
    ),
    Number(dueAtMs) > 0 ? make("p", { class: "soft" }, `due after ${attempts} attempt${attempts === 1 ? "" : "s"} `, when(dueAtMs)) : "",
  );

const attemptRow = ({ channel, cycle = 1, attempt = 0, atMs, status, detail, provider }) =>
  make(
    "li",
    {},
    make(
      "div",
      { class: "head" },
      make("span", { class: "name" }, attempt > 0 ? `Attempt ${attempt}` : "Not counted", cycle > 1 ? `, replay ${cycle - 1}` : ""),
      chip(word(channel)),
      pill(word(status)),
    ),
    make("p", { class: "soft" }, provider ? `${provider} · ` : "", when(atMs)),
    detail ? make("p", { class: "said" }, detail) : "",
  );

function factsOf({
  recipients = [],
  tenant,
  actor,
  eventType,
  category,
  priority,
  channels = [],
  content = {},
  metadata,
  template,
  ...rest
}) {
  const { expiresAtMs } = rest;
  const facts = [
    ["To", recipients.slice(0, 20).map(nameOf).join(", ") + (recipients.length > 20 ? ` and ${recipients.length - 20} more` : "")],
    ["Event type", eventType],
    ["Category", category],
    ["Priority", priority ? word(priority) : "by its rules"],
    ["Channels", channels.length > 0 ? channels.map(word).join(", ") : "preferences choose"],
    ["Tenant", tenant],
    ["Caused by", actor],
    ["Expires", Number(expiresAtMs) > 0 ? when(expiresAtMs) : ""],
    ["Template", template ? `${template.name}, version ${template.version}` : ""],
    ["Text", content.body ? make("pre", {}, content.body) : ""],
    ["HTML", content.html ? make("pre", {}, content.html) : ""],
    ["Metadata", metadata ? make("pre", {}, JSON.stringify(metadata, null, 2)) : ""],
  ];
  return facts.flatMap(([name, value]) => (value ? [make("dt", {}, name), make("dd", {}, value)] : []));
}

const nameOf = ({ userId, email }) => (userId && email ? `${userId} at ${email}` : userId || email);
