/** The mailbox: a list, and one mail, whose HTML is shown in a frame that may run nothing and fetch nothing. */
import { emptyMailbox, mailReader } from "./contracts.js";
import { $, make, rows, show, when, whileVisible } from "./view.js";

const EVERY_MS = 1_000;
const MOST_ROWS = 100;

const read = mailReader();
let mails = [];

async function refresh() {
  mails = (await read({ limit: MOST_ROWS, to: $("filter").value.trim() })) ?? mails;
  tell();
}

function tell() {
  const chosen = location.hash.slice(1);
  show($("messages"), { mails, chosen }, () => rows(mails, (mail) => row(mail, mail.id === chosen), "No mail yet."));
  const mail = mails.find(({ id }) => id === chosen);
  $("subject").textContent = mail ? mail.subject || "No subject" : "No message chosen";
  show($("message"), mail ?? null, () => (mail ? parts(mail) : make("p", { class: "empty" }, "Choose one from the list.")));
}

const row = ({ id, subject, to, receivedAt }, isChosen) =>
  make(
    "li",
    {},
    make(
      "a",
      { href: `#${id}`, "data-key": id, "aria-current": isChosen ? "true" : undefined },
      make("span", { class: "head" }, make("span", { class: "name" }, subject || "No subject"), when(receivedAt)),
      make("span", { class: "soft" }, to.join(", ")),
    ),
  );

function parts({ id, from, to, text, html, headers, receivedAt }) {
  const notificationId = headers["x-carillon-notification"];
  const facts = [
    ["From", from],
    ["To", to.join(", ")],
    ["Received", when(receivedAt)],
    ["Timeline", notificationId ? make("a", { href: `/n/${notificationId}` }, notificationId) : ""],
  ];
  const shown = [make("dl", { class: "facts" }, ...facts.flatMap(fact))];
  if (html) shown.push(make("iframe", { class: "mail", sandbox: "", src: `/dev/mail/messages/${id}/html`, title: "The mail’s HTML" }));
  if (text) shown.push(html ? folded("Text", plain(text)) : plain(text));
  shown.push(folded("Headers", make("dl", { class: "facts code" }, ...Object.entries(headers).flatMap(fact))));
  return shown;
}

const fact = ([name, value]) => (value ? [make("dt", {}, name), make("dd", {}, value)] : []);
const plain = (text) => make("pre", { class: "mail", tabindex: "0" }, text);
const folded = (name, content) => make("details", {}, make("summary", {}, name), content);

addEventListener("hashchange", () => {
  tell();
  // Beside the list it is in view already; below a long one it is not.
  $("chosen").scrollIntoView({ block: "nearest" });
});
$("filter").addEventListener("input", refresh);
$("empty").addEventListener("click", async () => {
  await emptyMailbox();
  await refresh();
});
whileVisible(EVERY_MS, refresh);
