/**
 * Imported before a process under test: every connection that it makes to one of some ports goes by a wire of the test's instead, also where
 * it learned of the port from a server, as of Kafka's brokers.
 */
import { Socket } from "node:net";

/** The wire's port, by the port that is connected to. */
const wires: Readonly<Record<string, number>> = JSON.parse(process.env.TEST_WIRES as string);
const { connect } = Socket.prototype;

/** As net.connect calls it: what it was given, put in order. */
interface Normalised {
  readonly 0?: { port?: number | string };
}

Socket.prototype.connect = function (this: Socket, ...given: unknown[]) {
  const [first] = given as [Normalised | { port?: number | string }];
  const options = Array.isArray(first) ? first[0] : first;
  const wire = wires[String(options?.port)];
  if (wire !== undefined) options.port = wire;
  return connect.apply(this, given as never);
} as typeof connect;
