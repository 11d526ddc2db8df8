/** The log: JSON lines on stdout, one event a line. Secrets are struck out by name; a person's data is never passed to it. */
import { type DestinationStream, type Logger, pino } from "pino";

const secretNames = ["password", "secret", "token", "authorization", "cookie"];

export interface LoggerOptions {
  /** The setting log.level. */
  readonly level: string;
  /** Where lines go instead of stdout. */
  readonly destination?: DestinationStream;
}

export const createLogger = ({ level, destination }: LoggerOptions): Logger =>
  pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: secretNames.flatMap((name) => [name, `*.${name}`]), censor: "[secret]" },
    },
    destination ?? pino.destination({ fd: 1, sync: true }),
  );
