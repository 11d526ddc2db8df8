/** A person's bell: the inbox, live, with a badge for what came since they last looked. What they have seen is kept in this browser. */
import { connectBell } from "/assets/carillon-bell.js";
import { tokenFor } from "./contracts.js";
import { $, make, rows, show, when } from "./view.js";

const MOST_ROWS = 6;
const words = { connecting: "connecting", live: "live", waiting: "reconnecting", closed: "closed" };

/** Answers how to stop listening. */
export function bellOf(person) {
  const seenKey = `carillon.seen.${person}`;
  /** By seq: { message, cursor }. */
  const inbox = new Map();
  const newestFirst = () => [...inbox.values()].sort((a, b) => Number(b.message.seq) - Number(a.message.seq));
  const isUnseen = ({ cursor }) => isAfter(cursor, localStorage.getItem(seenKey) ?? "");

  function tell() {
    const entries = newestFirst();
    const unseen = entries.filter(isUnseen).length;
    $("badge").textContent = unseen > 99 ? "99+" : String(unseen);
    $("badge").hidden = unseen === 0;
    $("unseen").textContent = unseen === 0 ? `No new notifications for ${person}.` : `${unseen} new for ${person}.`;
    const visible = entries.slice(0, MOST_ROWS).map((entry) => ({ ...entry.message, isUnseen: isUnseen(entry), person }));
    show($("inbox"), visible, () => rows(visible, row, `Nothing for ${person} yet. Send something.`));
  }

  $("bell").onclick = () => {
    const [newest] = newestFirst();
    if (newest) localStorage.setItem(seenKey, newest.cursor);
    tell();
  };
  tell();
  const bell = connectBell({
    token: () => tokenFor(person),
    onMessage(message, cursor) {
      inbox.set(message.seq, { message, cursor });
      tell();
      if (isUnseen({ cursor })) ring();
    },
    onReset() {
      inbox.clear();
      tell();
    },
    onState(state) {
      $("state").dataset.state = state;
      $("state").textContent = words[state];
    },
  });
  return () => bell.close();
}

const row = ({ notificationId, title, body = "", category, createdAtMs, isUnseen }) =>
  make(
    "li",
    { "data-unseen": isUnseen ? "" : undefined },
    make(
      "div",
      { class: "head" },
      make("a", { class: "name", href: `/n/${notificationId}`, "data-key": notificationId }, title || body || "Untitled"),
      when(createdAtMs),
    ),
    title && body ? make("p", { class: "cut" }, body) : "",
    category ? make("p", { class: "soft" }, category) : "",
  );

/** Cursors are "epoch:seq"; one of another epoch says nothing about this one. */
function isAfter(cursor, seen) {
  const [epoch, seq] = cursor.split(":");
  const [seenEpoch, seenSeq] = seen.split(":");
  return epoch !== seenEpoch || Number(seq) > Number(seenSeq);
}

function ring() {
  $("bell").removeAttribute("data-ring");
  // The animation begins anew only where a frame without it lies between.
  requestAnimationFrame(() => requestAnimationFrame(() => $("bell").setAttribute("data-ring", "")));
}
