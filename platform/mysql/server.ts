/** Whether the server that answered is one that we can work with, and what to say when it let us in no further. */
import { certificateFault } from "#platform/engines/certificate.ts";
import { DatabaseError } from "#platform/sql/errors.ts";
import { type Address, said } from "./address.ts";
import { codeOf, isUnavailable } from "./errors.ts";

/** From these on both have SKIP LOCKED, and changes of tables that are done whole or not at all. */
const LEAST = { MySQL: [8, 0], MariaDB: [10, 6] } as const;

/** Throws for one that is too old. `version` is what the server says of itself: "8.4.3", "10.11.6-MariaDB-1". */
export function checkVersion(version: string, address: Address): void {
  const kind = version.includes("MariaDB") ? "MariaDB" : "MySQL";
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const [leastMajor, leastMinor] = LEAST[kind];
  if (major > leastMajor || (major === leastMajor && minor >= leastMinor)) return;
  throw new DatabaseError(`${said(address)} is ${kind} ${version}. It must be MySQL 8.0 or later, or MariaDB 10.6 or later.`);
}

/** The sentence for what waiting does not mend; undefined: it may. */
export function refusalOf(error: unknown, address: Address): DatabaseError | undefined {
  const { user, database } = address;
  const code = codeOf(error);
  const says = (text: string) => new DatabaseError(`${said(address)} ${text}`, { code });
  const untrusted = certificateFault((error as Error).message);
  if (untrusted !== undefined) return says(untrusted);
  switch (code) {
    case "ER_ACCESS_DENIED_ERROR":
    case "ER_ACCESS_DENIED_NO_PASSWORD_ERROR":
      return says(`does not let the user "${user}" in. Check the user and the password in its address.`);
    case "ER_DBACCESS_DENIED_ERROR":
      return says(`does not let the user "${user}" use the database "${database}". Create it, and grant that user all rights on it.`);
    case "HANDSHAKE_NO_SSL_SUPPORT":
      return says("does not speak TLS. Give it a certificate, or set CARILLON_MYSQL_TLS=false.");
    case "ER_SECURE_TRANSPORT_REQUIRED":
      return says("speaks TLS only. Set CARILLON_MYSQL_TLS=true.");
    case "ER_HOST_NOT_PRIVILEGED":
    case "ER_HOST_IS_BLOCKED":
      return says(`refuses connections from this machine (${code}).`);
    default:
      return isUnavailable(error) ? undefined : says(`cannot be used (${code}).`);
  }
}
