/** The newest notifications and mails, read again while somebody looks. */
import { listNotifications, mailReader } from "./contracts.js";
import { $, make, pill, rows, show, when, whileVisible, word } from "./view.js";

const EVERY_MS = 1_000;
const MOST_ROWS = 7;

export function watchNotifications() {
  whileVisible(EVERY_MS, async () => {
    const { notifications = [] } = await listNotifications({ pageSize: MOST_ROWS });
    show($("recent"), notifications, () => rows(notifications, notificationRow, "Nothing was asked for yet."));
  });
}

export function watchMail() {
  const read = mailReader();
  whileVisible(EVERY_MS, async () => {
    const mails = await read({ limit: MOST_ROWS });
    if (mails) show($("mail"), mails, () => rows(mails, mailRow, "No mail yet."));
  });
}

function notificationRow({ notificationId, status, content = {}, recipients = [], eventType, createdAtMs }) {
  const [first, ...others] = recipients.map(({ userId, email }) => userId || email);
  const who = others.length > 0 ? `${first} and ${others.length} more` : first;
  return make(
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
      pill(word(status)),
    ),
    make("p", { class: "soft" }, [who, eventType].filter(Boolean).join(" · "), " · ", when(createdAtMs)),
  );
}

const mailRow = ({ id, subject, to, receivedAt }) =>
  make(
    "li",
    {},
    make(
      "div",
      { class: "head" },
      make("a", { class: "name", href: `/dev/mail#${id}`, "data-key": id }, subject || "No subject"),
      when(receivedAt),
    ),
    make("p", { class: "soft" }, to.join(", ")),
  );
