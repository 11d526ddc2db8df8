/** Finds people by what their id or their address begins with. The address bar keeps what was looked for. */
import { findPeople } from "./contracts.js";
import { $, make, rows, show, when } from "./view.js";

const MOST_ROWS = 50;
let asked = 0;

async function find() {
  const prefix = $("prefix").value.trim();
  history.replaceState(null, "", prefix === "" ? "/people" : `/people#${encodeURIComponent(prefix)}`);
  const turn = ++asked;
  const { people = [] } = await findPeople({ prefix, limit: MOST_ROWS });
  // An answer that comes after a later one's question is out of date.
  if (turn === asked) show($("found"), people, () => rows(people, row, prefix === "" ? "Nobody is known yet." : "Nobody begins so."));
}

const row = ({ userId, name, email, updatedAtMs }) =>
  make(
    "li",
    {},
    make(
      "div",
      { class: "head" },
      make("a", { class: "name", href: `/people/${encodeURIComponent(userId)}`, "data-key": userId }, name || userId),
      when(updatedAtMs),
    ),
    make("p", { class: "soft" }, [name ? userId : "", email || "no address"].filter(Boolean).join(" · ")),
  );

$("prefix").value = decodeURIComponent(location.hash.slice(1));
$("prefix").addEventListener("input", find);
find();
