/** What the pages share: Connect calls as JSON, elements made without HTML, times and status words. */

/** Calls a method; a refusal is thrown with its violations, `[{ field, description }]`. */
export async function call(service, method, body) {
  const response = await fetch(`/carillon.${service}/${method}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  const answer = await response.json();
  if (response.ok) return answer;
  const details = (answer.details ?? []).flatMap((detail) => detail.debug?.fieldViolations ?? []);
  throw Object.assign(new Error(answer.message ?? "The call failed."), { code: answer.code, violations: details });
}

/** make("li", { class: "x" }, "text", child): text stays text. */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) if (value !== undefined) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });

export function when(ms) {
  const date = new Date(Number(ms));
  const seconds = Math.round((date.getTime() - Date.now()) / 1000);
  const [amount, unit] = Math.abs(seconds) < 60 ? [seconds, "second"] : Math.abs(seconds) < 3600 ? [Math.round(seconds / 60), "minute"] : [Math.round(seconds / 3600), "hour"];
  return make("time", { datetime: date.toISOString(), title: date.toLocaleString() }, seconds === 0 ? "just now" : relative.format(amount, unit));
}

/** "NOTIFICATION_STATUS_SENT" -> "sent". */
export const word = (name = "") => name.replace(/^(NOTIFICATION_STATUS|DELIVERY_STATUS|CHANNEL|PRIORITY)_/, "").toLowerCase();
export const pill = (status) => make("span", { class: `pill ${status}` }, status);
export const fill = (element, children) => element.replaceChildren(...children);

/** Runs now and again and again while somebody looks. */
export function whileVisible(everyMs, run) {
  const turn = async () => {
    let more = true;
    try {
      if (!document.hidden) more = (await run()) !== false;
    } finally {
      if (more) setTimeout(turn, everyMs);
    }
  };
  turn();
}
