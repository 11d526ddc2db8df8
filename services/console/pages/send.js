/** The form that sends, its examples, and what was wrong, beside the field that it is about. */

import { send } from "./contracts.js";
import { examples } from "./examples.js";
import { $, make } from "./view.js";

const form = $("send");

export function sendForm({ sent }) {
  $("examples").replaceChildren(...examples.map(exampleButton));
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    clear();
    const button = form.querySelector("[type=submit]");
    button.disabled = true;
    try {
      const { notificationId } = await send(request(Object.fromEntries(new FormData(form))));
      $("answer").replaceChildren("Accepted. ", make("a", { href: `/n/${notificationId}` }, "See its timeline"));
      sent(notificationId);
    } catch (error) {
      tell(error);
    } finally {
      button.disabled = false;
    }
  });
}

function request({ to, channels, eventType, category, priority, actor, title, format, words }) {
  return {
    recipients: [to.includes("@") ? { email: to.trim() } : { userId: to.trim() }],
    channels: channels === "" ? [] : channels.split(" "),
    ...{ eventType: eventType.trim(), category: category.trim(), priority, actor: actor.trim() },
    content: { title, [format]: words },
  };
}

/** Everything that an example does not say is put back. */
function exampleButton({ name, ...values }) {
  const button = make("button", { class: "button quiet", type: "button" }, name);
  button.addEventListener("click", () => {
    clear();
    const { to } = Object.fromEntries(new FormData(form));
    form.reset();
    for (const [field, value] of Object.entries({ to, category: "", ...values })) form.elements[field].value = value;
  });
  return button;
}

function clear() {
  $("answer").replaceChildren();
  for (const note of form.querySelectorAll(".wrong")) note.remove();
  for (const input of form.querySelectorAll("[aria-invalid]")) {
    input.removeAttribute("aria-invalid");
    input.removeAttribute("aria-errormessage");
  }
}

/** Who it is for stands in one control, which knows neither field by its name. */
const words = { "recipients[0]": "must be a person’s id or an email address" };

/** Which control a path such as "content.title" or "recipients[0].email" is about. */
function controlOf(path) {
  const [, top, below] = /^(\w+)(?:\[\d+\])?\.?(\w+)?/.exec(path) ?? [];
  const names = { recipients: "to", content: below === "title" ? "title" : "words", event_type: "eventType" };
  return document.getElementById(names[top] ?? top);
}

function tell({ message, violations = [] }) {
  const placed = violations.filter(({ field, description }) => {
    const control = controlOf(field);
    control?.closest(".field")?.append(make("p", { class: "wrong", id: `wrong-${control.id}` }, words[field] ?? description));
    control?.setAttribute("aria-invalid", "true");
    control?.setAttribute("aria-errormessage", `wrong-${control.id}`);
    return control;
  });
  form.querySelector("[aria-invalid]")?.focus();
  const others = violations.filter((violation) => !placed.includes(violation)).map(({ field, description }) => `${field}: ${description}`);
  const said = violations.length === 0 ? [message] : [`Not sent: ${placed.length > 0 ? "see the marked fields." : ""}`, ...others];
  $("answer").replaceChildren(make("span", { class: "wrong" }, said.join(" ")));
}
