/** An SMTP server that is told what to say at every step, down to the bytes: for what a well-behaved one never does. */
import { type AddressInfo, createServer, type Socket } from "node:net";

/** Where a session has come to; `body`: the first bytes of a message are there, `dot`: all of them. */
export type Step = "greeting" | "EHLO" | "MAIL" | "RCPT" | "DATA" | "body" | "dot" | "RSET" | "QUIT";

/** A reply; "hang": none; "drop": the connection ends instead; undefined: what a server says that takes everything. */
export type Saying = string | "hang" | "drop" | undefined;

export interface Wire {
  readonly port: number;
  /** Every step so far, of all connections. */
  readonly steps: Step[];
  /** Connections that were opened. */
  connections: number;
  /** Called at each step; `nth` counts the same step of the same connection from 1. */
  say: (step: Step, nth: number) => Saying | Promise<Saying>;
  /** Messages that came in whole, without the dot. */
  readonly messages: string[];
  /** Ends every connection. */
  drop(): void;
  close(): Promise<void>;
}

const usual: Readonly<Record<Step, string>> = {
  ...{ greeting: "220 wire.test ESMTP", EHLO: "250 wire.test", MAIL: "250 Ok", RCPT: "250 Ok", DATA: "354 Go on" },
  ...{ body: "", dot: "250 2.0.0 Ok: queued as W1RE", RSET: "250 Ok", QUIT: "221 Bye" },
};

export async function openWire(): Promise<Wire> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    wire.connections++;
    socket.on("close", () => sockets.delete(socket)).on("error", () => undefined);
    serve(socket, wire);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const wire: Wire = {
    port: (server.address() as AddressInfo).port,
    ...{ steps: [], messages: [], connections: 0, say: () => undefined },
    drop() {
      for (const socket of sockets) socket.destroy();
    },
    close() {
      wire.drop();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
  return wire;
}

function serve(socket: Socket, wire: Wire): void {
  const counts = new Map<Step, number>();
  let rest = "";
  let inMessage = false;
  let message = "";
  let turn: Promise<void> = Promise.resolve();

  const at = async (step: Step) => {
    const nth = (counts.get(step) ?? 0) + 1;
    counts.set(step, nth);
    wire.steps.push(step);
    // Who has not said anything yet reads nothing either.
    socket.pause();
    const saying = await wire.say(step, nth);
    socket.resume();
    if (saying === "drop") socket.destroy();
    const reply = saying ?? usual[step];
    if (saying === "hang" || saying === "drop" || reply === "") return false;
    socket.write(`${reply}\r\n`);
    return reply.startsWith("3");
  };

  async function take(text: string): Promise<void> {
    rest += text;
    while (!socket.destroyed) {
      if (inMessage) {
        if (message === "" && rest !== "") await at("body");
        message += rest;
        rest = "";
        const end = message.indexOf("\r\n.\r\n");
        if (end < 0) return;
        rest = message.slice(end + 5);
        wire.messages.push(message.slice(0, end));
        inMessage = false;
        message = "";
        await at("dot");
        continue;
      }
      const end = rest.indexOf("\r\n");
      if (end < 0) return;
      const verb = rest.slice(0, 4).toUpperCase() as Step;
      rest = rest.slice(end + 2);
      inMessage = (await at(verb)) && verb === "DATA";
    }
  }

  const next = (work: () => Promise<unknown>) => {
    turn = turn.then(work).then(() => undefined);
  };
  socket.setEncoding("latin1");
  next(() => at("greeting"));
  socket.on("data", (text: unknown) => next(() => take(text as string)));
}
