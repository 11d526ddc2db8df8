/** The first page: a form that sends, a person's bell and choices, the mailbox and the newest notifications. */
import { connectBell } from "/assets/carillon-bell.js";
import { call, fill, make, pill, when, whileVisible, word } from "/assets/api.js";

const $ = (id) => document.getElementById(id);
const categories = ["post", "security", "offers", "general"];
fill($("categories"), categories.map((value) => make("option", { value })));

// The form.
const form = $("send");
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  clearWrong();
  const { to, channel, eventType, priority, category, title, body } = Object.fromEntries(new FormData(form));
  const recipient = to.includes("@") ? { email: to } : { userId: to };
  try {
    const { notificationId } = await call("ingest.v1.IngestService", "Send", {
      recipients: [recipient],
      ...(channel && { channels: [channel] }),
      ...(category && { category }),
      eventType,
      priority,
      content: { title, body },
    });
    fill($("sent"), ["Accepted. ", make("a", { href: `/n/${notificationId}` }, "Follow it")]);
  } catch (error) {
    showWrong(error);
  }
});

const fieldOf = (path) => (path.startsWith("recipients") ? "to" : path.startsWith("content.title") ? "title" : path.startsWith("content") ? "body" : path);
const inputOf = (path) => form.elements[fieldOf(path)] ?? form.elements[fieldOf(path).replace(/_(\w)/g, (_all, letter) => letter.toUpperCase())];

function clearWrong() {
  for (const note of form.querySelectorAll(".wrong")) note.remove();
  for (const input of form.elements) input.removeAttribute("aria-invalid");
  fill($("sent"), []);
}

function showWrong({ message, violations = [] }) {
  for (const { field = "", description } of violations) {
    const input = inputOf(field);
    input?.setAttribute("aria-invalid", "true");
    (input?.closest("label") ?? $("sent").parentElement).append(make("span", { class: "wrong", role: "alert" }, description));
  }
  if (violations.length === 0) fill($("sent"), [make("span", { class: "wrong" }, message)]);
}

// The bell.
let bell;
let messages = new Map();
const person = () => $("person").value;

function showInbox() {
  const newest = [...messages.values()].sort((a, b) => Number(b.seq) - Number(a.seq));
  $("badge").textContent = newest.length > 99 ? "99+" : String(newest.length);
  $("badge").hidden = newest.length === 0;
  fill(
    $("inbox"),
    newest.length === 0
      ? [make("li", { class: "empty" }, "Nothing yet. Send something.")]
      : newest.slice(0, 8).map(({ notificationId, title, body = "", createdAtMs }) =>
          make("li", {}, make("div", { class: "head" }, make("a", { href: `/n/${notificationId}` }, title || "Untitled"), when(createdAtMs)), make("span", {}, body)),
        ),
  );
}

function listen() {
  bell?.close();
  messages = new Map();
  showInbox();
  const userId = person();
  bell = connectBell({
    url: `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws`,
    token: async () => {
      const response = await fetch("/dev/token", {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ user_id: userId }),
      });
      return (await response.json()).token;
    },
    onMessage(message) {
      messages.set(message.seq, message);
      showInbox();
      $("bell").removeAttribute("data-ring");
      requestAnimationFrame(() => $("bell").setAttribute("data-ring", ""));
    },
    onReset() {
      messages.clear();
      showInbox();
    },
    onState: (state) => ($("state").textContent = state),
  });
}

// What the person wants to hear.
async function showChoices() {
  const userId = person();
  for (const name of document.querySelectorAll(".person-name")) name.textContent = userId;
  const { categories: chosen = [] } = await call("preferences.v1.PreferencesService", "GetPreferences", { userId });
  const muted = new Set(chosen.filter((each) => each.muted).map((each) => each.category));
  const all = [...new Set([...categories, ...chosen.map((each) => each.category)])];
  fill(
    $("choices"),
    all.map((category) => {
      const button = make("button", { class: "quiet", type: "button", "aria-pressed": String(muted.has(category)), "data-category": category }, muted.has(category) ? "Unmute" : "Mute");
      button.addEventListener("click", async () => {
        const preference = { ...chosen.find((each) => each.category === category), category, muted: !muted.has(category) };
        await call("preferences.v1.PreferencesService", "SetCategoryPreference", { userId, preference });
        await showChoices();
        document.querySelector(`button[data-category="${CSS.escape(category)}"]`)?.focus();
      });
      return make("li", {}, make("div", { class: "head" }, make("span", {}, category), muted.has(category) ? pill("muted") : "", button));
    }),
  );
}

$("person").addEventListener("change", () => {
  listen();
  showChoices();
});

// The mailbox and the newest notifications.
whileVisible(1500, async () => {
  const { messages: mails } = await (await fetch("/dev/mail/messages?limit=5")).json();
  fill(
    $("mail"),
    mails.length === 0
      ? [make("li", { class: "empty" }, "No mail yet.")]
      : mails.map(({ subject, to, receivedAt }) =>
          make("li", {}, make("div", { class: "head" }, make("span", {}, subject || "No subject"), when(receivedAt)), make("span", { class: "small" }, to.join(", "))),
        ),
  );
  const { notifications = [] } = await call("tracker.v1.TrackerService", "ListNotifications", { pageSize: 8 });
  fill(
    $("recent"),
    notifications.length === 0
      ? [make("li", { class: "empty" }, "None yet.")]
      : notifications.map(({ notificationId, content = {}, status, createdAtMs }) =>
          make("li", {}, make("div", { class: "head" }, make("a", { href: `/n/${notificationId}` }, content.title || content.body || "Untitled"), pill(word(status)), when(createdAtMs))),
        ),
  );
});

listen();
showChoices();
