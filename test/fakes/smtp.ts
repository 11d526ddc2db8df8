/** A real SMTP server for tests, which refuses, stalls and hangs up on demand. */
import type { AddressInfo, Socket } from "node:net";
import { SMTPServer } from "smtp-server";

export interface Reply {
  readonly code: number;
  readonly text?: string;
}

/** A refusal; "hang": no answer at all; "drop": the connection ends instead; undefined: accept. */
export type Answer = Reply | "hang" | "drop" | undefined;

export interface TestServer {
  readonly port: number;
  /** Taken, in order. */
  readonly mails: { readonly to: string; readonly raw: string }[];
  /** Messages that came in whole, taken or not. */
  received: number;
  greet: () => Reply | undefined;
  login: () => Reply | undefined;
  recipient: (address: string) => Answer;
  message: (address: string) => Answer | Promise<Answer>;
  close(): Promise<void>;
}

const refusal = ({ code, text = "No." }: Reply) => Object.assign(new Error(text), { responseCode: code });

export async function openServer({ port = 0, auth = false }: { port?: number; auth?: boolean } = {}): Promise<TestServer> {
  const sockets = new Set<Socket>();
  const drop = () => {
    for (const socket of sockets) socket.destroy();
  };
  const answering = (answer: Answer, callback: (error?: Error) => void) => {
    if (answer === "hang") return;
    if (answer === "drop") drop();
    else callback(answer && refusal(answer));
  };
  const smtp = new SMTPServer({
    authOptional: !auth,
    disabledCommands: auth ? ["STARTTLS"] : ["STARTTLS", "AUTH"],
    allowInsecureAuth: true,
    disableReverseLookup: true,
    closeTimeout: 100,
    logger: false,
    onConnect(_session, callback) {
      const reply = server.greet();
      callback(reply && refusal(reply));
    },
    onAuth(_auth, _session, callback) {
      const reply = server.login();
      if (reply) callback(refusal(reply));
      else callback(null, { user: "somebody" });
    },
    onRcptTo: ({ address }, _session, callback) => answering(server.recipient(address), callback),
    onData(stream, { envelope }, callback) {
      const chunks: Buffer[] = [];
      const to = envelope.rcptTo[0]?.address ?? "";
      stream.on("data", (chunk: Buffer) => chunks.push(chunk));
      stream.on("end", async () => {
        server.received++;
        const answer = await server.message(to);
        if (answer === undefined) server.mails.push({ to, raw: Buffer.concat(chunks).toString() });
        answering(answer, callback);
      });
    },
  });
  smtp.on("error", () => undefined);
  smtp.server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => smtp.listen(port, "127.0.0.1", resolve));
  const server: TestServer = {
    port: (smtp.server.address() as AddressInfo).port,
    mails: [],
    received: 0,
    greet: () => undefined,
    login: () => undefined,
    recipient: () => undefined,
    message: () => undefined,
    close: () =>
      new Promise((resolve) => {
        smtp.close(resolve);
        drop();
      }),
  };
  return server;
}
