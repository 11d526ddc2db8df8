/**
 * One connection to an SMTP server: opened at its first message, then one message after another.
 *
 * Waits for the server without a limit, except for the connection itself: deadlines are the caller's, who calls `close`.
 */
import SMTPConnection, { type Options } from "nodemailer/lib/smtp-connection";
import type { SmtpError } from "./classify.ts";
import type { Message } from "./message.ts";

export interface Credentials {
  readonly username: string;
  readonly password: string;
}

export interface Envelope {
  readonly from: string;
  readonly to: string;
}

/** What a server that took a message says of it. */
export interface Receipt {
  readonly response: string;
  /** The Message-ID that it gave the message instead of ours, where it says so. */
  readonly serverMessageId?: string | undefined;
}

interface SessionNeeds {
  readonly options: Options;
  readonly credentials: Credentials | undefined;
  /** Called once, when the connection has ended. */
  readonly ended: (session: Session) => void;
}

/** Some servers take no more over one connection. */
const MOST_MESSAGES = 100;

export class Session {
  readonly #connection: SMTPConnection;
  readonly #credentials: Credentials | undefined;
  #opened = false;
  #quitting = false;
  /** Messages that it was given. */
  #messages = 0;
  /** The server may hold on to the envelope of a message that it refused. */
  #inTransaction = false;
  /** Ends what is waited for. */
  #fail: ((error: SmtpError) => void) | undefined;

  constructor({ options, credentials, ended }: SessionNeeds) {
    this.#connection = new SMTPConnection(options);
    this.#credentials = credentials;
    this.#connection.on("error", (error: SmtpError) => this.#fail?.(error));
    this.#connection.once("end", () => {
      ended(this);
      // A last reply is told within the same turn, after this, and says more.
      queueMicrotask(() => this.#fail?.(Object.assign(new Error("The connection has ended."), { code: "ECONNECTION" })));
    });
  }

  /** May be given another message. */
  get isOpen(): boolean {
    return this.#opened && !this.#quitting && !this.#connection.destroyed;
  }

  get isSpent(): boolean {
    return this.#messages >= MOST_MESSAGES;
  }

  /** Has been given a message before, so that the server may have ended the connection meanwhile. */
  get isUsed(): boolean {
    return this.#messages > 0;
  }

  /** Rejects with an SmtpError. */
  async send({ from, to }: Envelope, message: Message): Promise<Receipt> {
    if (!this.#opened) await this.#open();
    this.#messages++;
    if (this.#inTransaction) await this.#step((done) => this.#connection.reset(done));
    this.#inTransaction = true;
    message.socket = this.#connection._socket || undefined;
    try {
      const receipt = await this.#step<Receipt>((done) => this.#connection.send({ from, to: [to] }, message, done));
      this.#inTransaction = false;
      return receipt;
    } finally {
      // Who answers in the middle of a message takes the rest of it for commands.
      if (message.isBegun && !message.isHandedOver) this.close();
    }
  }

  /** Takes leave of the server. */
  quit(): void {
    this.#quitting = true;
    this.#connection.quit();
  }

  /** At once, whatever is under way: nothing more is handed over, and no answer is heard. */
  close(): void {
    this.#connection.close();
  }

  async #open(): Promise<void> {
    await this.#step((done) => this.#connection.connect((error) => done(error ?? null)));
    const credentials = this.#credentials;
    if (credentials && this.#connection.allowsAuth)
      await this.#step((done) => this.#connection.login({ user: credentials.username, pass: credentials.password }, done));
    this.#opened = true;
  }

  async #step<T>(begin: (done: (error: SmtpError | null, answer?: T) => void) => void): Promise<T> {
    try {
      return await new Promise<T>((resolve, reject) => {
        this.#fail = reject;
        begin((error, answer) => (error ? reject(error) : resolve(answer as T)));
      });
    } catch (error) {
      if (!isOfTheMessage(error as SmtpError)) this.close();
      throw error;
    } finally {
      this.#fail = undefined;
    }
  }
}

/** The server refused the message; the connection is as good as before. */
const isOfTheMessage = ({ code, responseCode }: SmtpError): boolean =>
  responseCode !== undefined && responseCode !== 421 && (code === "EENVELOPE" || code === "EMESSAGE");
