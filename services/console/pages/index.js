/** The overview: puts its parts together. */
import { bellOf } from "./bell.js";
import { choicesOf } from "./choices.js";
import { watchMail, watchNotifications } from "./recent.js";
import { sendForm } from "./send.js";
import { $ } from "./view.js";
import { follow } from "./way.js";

let close = () => {};

function listenAs(person) {
  close();
  close = bellOf(person);
  choicesOf(person);
  for (const name of document.querySelectorAll(".person")) name.textContent = person;
}

$("person").addEventListener("change", ({ target }) => listenAs(target.value));
sendForm({ sent: follow });
listenAs($("person").querySelector(":checked").value);
watchMail();
watchNotifications();
