/** Who is signed in, what their key allows, and signing out. Modules that import this begin when it is known. */
import { leave } from "./contracts.js";
import { $ } from "./view.js";

/** Where nobody can say, everything is tried: the service refuses what is not allowed. */
const { environment = "", scopes = ["admin"] } = await fetch("/session")
  .then((response) => (response.status === 401 ? leave() : response.ok ? response.json() : {}))
  .catch(() => ({}));

export const may = (scope) => scopes.includes(scope) || scopes.includes("admin");

/** A control that the key does not allow is there, and cannot be used. */
export function unlessAllowed(scope, control) {
  if (may(scope)) return control;
  control.disabled = true;
  control.title = `Needs a key with the scope ${scope}`;
  return control;
}

for (const note of document.querySelectorAll("[data-needs]")) note.hidden = may(note.dataset.needs);

if ($("who")) $("who").textContent = environment === "" ? "signed in" : `${environment} · ${scopes.join(", ")}`;
$("sign-out")?.addEventListener("click", async () => {
  $("sign-out").disabled = true;
  const done = await fetch("/session", { method: "DELETE" }).then(
    ({ ok }) => ok,
    () => false,
  );
  if (done) location.assign("/sign-in");
  $("sign-out").disabled = false;
});
