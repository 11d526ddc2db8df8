/** The caller's end of the writer thread: sends what is asked in one turn of the event loop as one message, and hands out the answers. */
import { Worker } from "node:worker_threads";
import { DatabaseError } from "#platform/sql/errors.ts";
import { type DescribedError, describeError, isUnwritable, restoreError } from "./errors.ts";
import { type Answer, type Commit, type FromWriter, OPENED, type ToWriter } from "./messages.ts";

type Asked<M = ToWriter> = M extends ToWriter ? Omit<M, "id"> : never;

/**
 * That SQLite is experimental in Node 22 is said by the caller's thread already. In place of the process' own options: V8's among them hold
 * for every thread anyway, and a thread that is given them does not start.
 */
const EXEC_ARGV = ["--disable-warning=ExperimentalWarning"];

export interface ThreadEvents {
  /** It has ended without having been told to. */
  ended(error: Error): void;
  /** The file took no write. */
  unwritable(error: DescribedError): void;
  /** A transaction was committed. */
  committed(commit: Commit): void;
}

interface Waiting {
  resolve(value: unknown): void;
  reject(error: Error): void;
}

export class WriterThread {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  #outbox: ToWriter[] = [];
  #transfer: ArrayBuffer[] = [];
  #nextId = OPENED + 1;
  /** Why nothing more is taken. */
  #ended: Error | undefined;
  #isClosing = false;
  #isGone = false;
  readonly #opened: Promise<unknown>;
  readonly #events: ThreadEvents;
  #isOpen = false;
  readonly #quiet = Promise.withResolvers<void>();

  /** Rejects when the database cannot be opened; the events begin after that. */
  static async start(file: string, events: ThreadEvents): Promise<WriterThread> {
    const thread = new WriterThread(file, events);
    await thread.#opened;
    thread.#isOpen = true;
    return thread;
  }

  private constructor(file: string, events: ThreadEvents) {
    this.#events = events;
    this.#worker = new Worker(new URL("./writer.ts", import.meta.url), {
      workerData: { file },
      name: "carillon-sqlite-writer",
      execArgv: EXEC_ARGV,
    });
    this.#opened = new Promise((resolve, reject) => this.#waiting.set(OPENED, { resolve, reject }));
    this.#worker.on("message", ({ answers, commit }: FromWriter) => {
      this.#answered(answers);
      if (commit && this.#isOpen) this.#events.committed(commit);
    });
    this.#worker.on("error", (cause) => this.#end(cause));
    this.#worker.on("exit", () => this.#end());
  }

  ask(asked: Asked, transfer: readonly ArrayBuffer[] = []): Promise<unknown> {
    return this.#ended === undefined ? this.#send(asked, transfer) : Promise.reject(this.#ended);
  }

  /** Takes no more, and resolves when everything asked until now has been answered. */
  async finish(): Promise<void> {
    this.#ended ??= new DatabaseError("The database is closed.");
    if (this.#waiting.size > 0) await this.#quiet.promise;
  }

  /** Ends the thread, after `finish`. */
  async close(): Promise<void> {
    if (this.#isGone) return;
    this.#isClosing = true;
    await this.#send({ is: "close" }, []);
    await this.#worker.terminate();
  }

  #send(asked: Asked, transfer: readonly ArrayBuffer[]): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const id = this.#nextId++;
      this.#waiting.set(id, { resolve, reject });
      if (this.#outbox.length === 0) queueMicrotask(() => this.#post());
      this.#outbox.push({ ...asked, id } as ToWriter);
      for (const buffer of transfer) this.#transfer.push(buffer);
    });
  }

  #post(): void {
    const outbox = this.#outbox;
    const transfer = this.#transfer;
    this.#outbox = [];
    this.#transfer = [];
    try {
      this.#worker.postMessage(outbox, transfer);
    } catch (error) {
      // Something in there cannot be cloned or handed over, and nothing was sent.
      this.#answered(outbox.map(({ id }) => ({ id, error: { message: String(error), code: undefined, errcode: undefined } })));
    }
  }

  #answered(answers: readonly Answer[]): void {
    for (const { id, value, error } of answers) {
      const waiting = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (error === undefined) waiting?.resolve(value);
      else {
        if (isUnwritable(error)) this.#events.unwritable(error);
        waiting?.reject(restoreError(error));
      }
    }
    if (this.#ended !== undefined && this.#waiting.size === 0) this.#quiet.resolve();
  }

  #end(cause?: unknown): void {
    if (this.#isGone) return;
    this.#isGone = true;
    const says = this.#waiting.has(OPENED)
      ? `The database could not be opened: ${describeError(cause).message}.`
      : "The database's writer thread has ended; what was not answered may or may not have been written.";
    const error = new DatabaseError(says, { cause });
    this.#ended = error;
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
    this.#quiet.resolve();
    if (this.#isOpen && !this.#isClosing) this.#events.ended(error);
  }
}
