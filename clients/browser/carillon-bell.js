/**
 * The bell: a person's inbox, live, in a browser. No dependencies.
 *
 * Connects to the gateway's WebSocket, sends the token in the first frame, keeps the cursor, drops repeats, re-reads after a hole, and
 * connects again with growing pauses unless the gateway says not to (close codes 3500 and more).
 *
 * @typedef {{ seq: string, deliveryId: string, notificationId: string, eventType?: string, category?: string, title?: string, body?: string, createdAtMs: string }} Message
 * @param {{
 *   url: string,
 *   token: () => Promise<string>,
 *   cursor?: string,
 *   onMessage: (message: Message, cursor: string) => void,
 *   onReset?: () => void,
 *   onState?: (state: "connecting" | "live" | "waiting" | "closed") => void,
 * }} options
 * @returns {{ close(): void }}
 */
export function connectBell({ url, token, cursor = "", onMessage, onReset = () => {}, onState = () => {} }) {
  let socket;
  let timer;
  let failures = 0;
  let ended = false;
  let reconnectMs = 0;

  const later = () => {
    const pauseMs = reconnectMs || Math.min(500 * 2 ** failures++, 30_000);
    reconnectMs = 0;
    onState("waiting");
    timer = setTimeout(connect, pauseMs);
  };
  const seqOf = (text) => Number(text.split(":")[1] ?? 0);
  const epochOf = (text) => text.split(":")[0];

  async function connect() {
    onState("connecting");
    let hello;
    try {
      hello = { token: await token(), cursor };
    } catch {
      return later();
    }
    if (ended) return;
    socket = new WebSocket(url);
    let beat;
    socket.onopen = () => socket.send(JSON.stringify({ hello }));
    socket.onmessage = ({ data }) => {
      const frame = JSON.parse(data);
      if (frame.welcome) {
        failures = 0;
        onState("live");
        beat = setInterval(() => socket.send('{"ping":{}}'), frame.welcome.heartbeatMs ?? 30_000);
      } else if (frame.reset) {
        cursor = "";
        onReset();
      } else if (frame.message) take(frame.message);
      else if (frame.ping) {
        socket.send('{"pong":{}}');
        if (Number(frame.ping.topSeq ?? 0) > seqOf(cursor))
          setTimeout(() => Number(frame.ping.topSeq) > seqOf(cursor) && socket.close(), 5_000);
      } else if (frame.goodbye) reconnectMs = frame.goodbye.reconnectMs ?? 0;
    };
    socket.onclose = ({ code }) => {
      clearInterval(beat);
      if (ended || code >= 3500) return onState("closed");
      later();
    };
  }

  function take(pushed) {
    if (epochOf(pushed.cursor) === epochOf(cursor) && seqOf(pushed.cursor) <= seqOf(cursor)) return;
    cursor = pushed.cursor;
    onMessage(pushed.message, cursor);
  }

  connect();
  return {
    close() {
      ended = true;
      clearTimeout(timer);
      socket?.close();
    },
  };
}
