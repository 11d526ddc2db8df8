/** Signing in: the key goes to the server once, which answers with the session's cookie. Who has a session already goes on at once. */
import { $ } from "./view.js";

/** Where to, afterwards: a page of ours, whatever the address says. */
function destination() {
  const to = new URLSearchParams(location.search).get("to") ?? "/";
  const url = URL.canParse(to, location.origin) ? new URL(to, location.origin) : new URL("/", location.origin);
  return url.origin === location.origin ? url.href : "/";
}

const goOn = () => location.replace(destination());

/** A link from another site brings no cookie along, though there is one. */
fetch("/session").then(({ ok }) => ok && goOn());

$("key").focus();
$("sign-in").addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = $("sign-in").querySelector("[type=submit]");
  button.disabled = true;
  $("trouble").textContent = "";
  try {
    const body = JSON.stringify({ key: $("key").value });
    const response = await fetch("/session", { method: "POST", headers: { "content-type": "application/json" }, body });
    if (response.ok) return goOn();
    tell((await response.json().catch(() => ({}))).error);
  } catch {
    tell({ message: "The service cannot be reached. Try again." });
  } finally {
    button.disabled = false;
  }
});

const words = {
  UNAUTHENTICATED: "No key that works. It may have been revoked, or not copied whole.",
  TOO_MANY_FAILURES: "No key that works. Wait a little before you try again: there were many failures from here.",
  PERMISSION_DENIED: "This key may not read. Take one with the scope read or admin.",
};

function tell({ reason, message = "The service gave no answer that this page understands." } = {}) {
  $("trouble").textContent = words[reason] ?? message;
  $("key").setAttribute("aria-invalid", "true");
  $("key").setAttribute("aria-errormessage", "trouble");
  $("key").select();
  $("key").focus();
}
