/** What the pages ask of the service: Connect calls in JSON, the mailbox, and tokens for the bell. */

/** A refusal: `code` is Connect's, `violations` name each wrong field. */
export class Refusal extends Error {
  constructor({ code = "unknown", message = "The service gave no answer that this page understands.", details = [] }) {
    super(message);
    this.code = code;
    this.violations = details.flatMap((detail) => detail.debug?.fieldViolations ?? []);
  }
}

const json = { "content-type": "application/json" };

/** The session is over: another one begins on a page of its own, and leads back here. Never settles, for this page is going. */
export function leave() {
  location.assign(`/sign-in?to=${encodeURIComponent(location.pathname + location.search + location.hash)}`);
  return new Promise(() => {});
}

async function post(path, body) {
  const response = await fetch(path, { method: "POST", headers: json, body: JSON.stringify(body) });
  const answer = await response.json().catch(() => ({}));
  if (response.status === 401) return leave();
  if (!response.ok) throw new Refusal(answer.error ?? answer);
  return answer;
}

const method = (name) => (request) => post(`/carillon.${name}`, request);

export const send = method("ingest.v1.IngestService/Send");
export const cancel = method("ingest.v1.IngestService/Cancel");
export const getNotification = method("tracker.v1.TrackerService/GetNotification");
export const listNotifications = method("tracker.v1.TrackerService/ListNotifications");
export const listAttempts = method("tracker.v1.TrackerService/ListAttempts");
export const explain = method("tracker.v1.TrackerService/Explain");
export const getPreferences = method("preferences.v1.PreferencesService/GetPreferences");
export const setCategoryPreference = method("preferences.v1.PreferencesService/SetCategoryPreference");

export const setQuietHours = method("preferences.v1.PreferencesService/SetQuietHours");
export const findPeople = method("preferences.v1.PreferencesService/FindPeople");
export const getPerson = method("preferences.v1.PreferencesService/GetPerson");
export const listMessages = method("inbox.v1.InboxService/ListMessages");
export const listDeadLetters = method("deadletters.v1.DeadLettersService/ListDeadLetters");
export const getDeadLetter = method("deadletters.v1.DeadLettersService/GetDeadLetter");
export const createReplay = method("deadletters.v1.DeadLettersService/CreateReplay");
export const listReplays = method("deadletters.v1.DeadLettersService/ListReplays");
export const cancelReplay = method("deadletters.v1.DeadLettersService/CancelReplay");
export const replayDeadLetters = method("deadletters.v1.DeadLettersService/ReplayDeadLetters");
export const discardDeadLetters = method("deadletters.v1.DeadLettersService/DiscardDeadLetters");

export const listIntegrations = method("providers.v1.ProvidersService/ListIntegrations");
export const getIntegration = method("providers.v1.ProvidersService/GetIntegration");
export const pauseIntegration = method("providers.v1.ProvidersService/PauseIntegration");
export const resumeIntegration = method("providers.v1.ProvidersService/ResumeIntegration");
export const setBreaker = method("providers.v1.ProvidersService/SetBreaker");

/** `{ token, url }`: what opens the gateway, and where it is. */
export const tokenFor = (userId) => post("/dev/token", { user_id: userId });

/** Reads mails again and again: undefined while nothing has changed since the read before. */
export function mailReader() {
  let seen = { query: "", etag: "" };
  return async ({ limit, to = "" }) => {
    const query = new URLSearchParams({ limit, ...(to && { to }) }).toString();
    const headers = seen.etag && seen.query === query ? { "if-none-match": seen.etag } : {};
    const response = await fetch(`/dev/mail/messages?${query}`, { headers });
    if (response.status === 304) return undefined;
    const answer = await response.json();
    if (!response.ok) throw new Refusal(answer.error ?? {});
    seen = { query, etag: response.headers.get("etag") ?? "" };
    return answer.messages;
  };
}

export const emptyMailbox = () => fetch("/dev/mail/messages", { method: "DELETE" });
