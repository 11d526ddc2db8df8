/** The mailbox: a list, and one message, whose HTML is shown in a frame that may run nothing. */
import { fill, make, when, whileVisible } from "/assets/api.js";

const $ = (id) => document.getElementById(id);

function open({ subject, from, to, text, html, headers }) {
  $("subject").textContent = subject || "No subject";
  const lines = { from, to: to.join(", "), notification: headers["x-carillon-notification"] };
  const frame = html && make("iframe", { class: "mail", sandbox: "", title: "The message's HTML", srcdoc: html });
  fill($("message"), [
    make("dl", { class: "facts" }, ...Object.entries(lines).flatMap(([name, value]) => (value ? [make("dt", {}, name), make("dd", {}, value)] : []))),
    frame || make("pre", { class: "mail" }, text),
  ]);
}

let shown = "";
async function show() {
  const { messages } = await (await fetch("/dev/mail/messages?limit=100")).json();
  const state = messages.map(({ id }) => id).join();
  if (state === shown) return;
  shown = state;
  fill(
    $("messages"),
    messages.length === 0
      ? [make("li", { class: "empty" }, "No mail yet.")]
      : messages.map((message) => {
          const button = make("button", { class: "quiet", type: "button" }, message.subject || "No subject");
          button.addEventListener("click", () => open(message));
          return make("li", {}, make("div", { class: "head" }, button, when(message.receivedAt)), make("span", { class: "small" }, message.to.join(", ")));
        }),
  );
}

$("empty").addEventListener("click", async () => {
  await fetch("/dev/mail/messages", { method: "DELETE" });
  await show();
});
whileVisible(1500, show);
