/**
 * The bell: a person's inbox, live, in a browser. No dependencies.
 *
 * Connects to the gateway's WebSocket (`url`, or the one that came with the token), sends the token in the first frame, keeps the cursor, drops repeats, and connects again with
 * growing pauses, from its cursor, unless the gateway says not to (close codes 3500 and more). The gateway fills holes; a ping that names
 * a newer message than the last one here, and still does so a while later, is a reason to connect again. When its token has expired it
 * connects again at once, with another one, and says nothing of it: the person sees no gap.
 *
 * @typedef {{ seq: string, deliveryId: string, notificationId: string, eventType?: string, category?: string, title?: string, body?: string, createdAtMs: string }} Message
 * @param {{
 *   token: () => Promise<string | { token: string, url?: string }>,
 *   url?: string,
 *   cursor?: string,
 *   onMessage: (message: Message, cursor: string) => void,
 *   onReset?: () => void,
 *   onState?: (state: "connecting" | "live" | "waiting" | "closed") => void,
 * }} options
 * @returns {{ close(): void }} Nothing is called back after `close`. Throws where there are no WebSockets.
 */
export function connectBell({ url, token, cursor = "", onMessage, onReset = () => {}, onState = () => {} }) {
  if (typeof WebSocket === "undefined") throw new Error("The bell needs a WebSocket, as browsers have it and Node from version 22 on.");
  let socket;
  let timer;
  let failures = 0;
  let ended = false;
  let shown;

  const EXPIRED = 3005;
  const seqOf = (text) => Number(text.split(":")[1] ?? 0);
  const epochOf = (text) => text.split(":")[0];

  function show(state) {
    if (state === shown) return;
    shown = state;
    onState(state);
  }

  /** Growing, and spread: a gateway that goes away sends many here at once. */
  function later(atLeastMs = 0) {
    if (ended) return;
    const pauseMs = Math.min(500 * 2 ** failures++, 30_000);
    show("waiting");
    timer = setTimeout(connect, atLeastMs + pauseMs * (0.5 + Math.random() / 2));
  }

  function end() {
    if (ended) return;
    ended = true;
    clearTimeout(timer);
    socket?.close();
    show("closed");
  }

  function connect() {
    show("connecting");
    return open();
  }

  async function open() {
    try {
      const given = await token();
      const [words, address] = typeof given === "string" ? [given, url] : [given.token, url ?? given.url];
      if (!ended) converse({ token: words, cursor }, new WebSocket(address));
    } catch {
      later();
    }
  }

  function converse(hello, mine) {
    socket = mine;
    let beat;
    let overdue;
    let reconnectMs = 0;
    const say = (text) => mine.readyState === WebSocket.OPEN && mine.send(text);
    mine.onopen = () => say(JSON.stringify({ hello }));
    mine.onmessage = ({ data }) => {
      if (ended) return;
      const frame = JSON.parse(data);
      if (frame.welcome) {
        failures = 0;
        show("live");
        beat = setInterval(() => say('{"ping":{}}'), frame.welcome.heartbeatMs ?? 30_000);
      } else if (frame.reset) {
        cursor = "";
        onReset();
      } else if (frame.message) take(frame.message);
      else if (frame.ping) {
        say('{"pong":{}}');
        const topSeq = Number(frame.ping.topSeq ?? 0);
        clearTimeout(overdue);
        if (topSeq > seqOf(cursor)) overdue = setTimeout(() => topSeq > seqOf(cursor) && mine.close(), 5_000);
      } else if (frame.goodbye) reconnectMs = frame.goodbye.reconnectMs ?? 0;
    };
    mine.onclose = ({ code }) => {
      clearInterval(beat);
      clearTimeout(overdue);
      if (code >= 3500) end();
      else if (code === EXPIRED && !ended) open();
      else later(reconnectMs);
    };
  }

  function take(pushed) {
    if (epochOf(pushed.cursor) === epochOf(cursor) && seqOf(pushed.cursor) <= seqOf(cursor)) return;
    cursor = pushed.cursor;
    onMessage(pushed.message, cursor);
  }

  connect();
  return { close: end };
}
