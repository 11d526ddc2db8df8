/** A certificate that is not accepted, on the way to any engine: waiting does not mend it. */

/** Node and the server say so in words of their own; each has that one. */
const CERTIFICATE = /certificate/i;

/** What is wrong with it, to follow the engine's name; undefined: the message is of something else. */
export function certificateFault(message: string): string | undefined {
  if (!CERTIFICATE.test(message)) return undefined;
  return (
    `cannot be trusted over TLS: ${message.replace(/\.$/, "")}. Its certificate must be valid for the host that is spoken to, and be ` +
    "issued by an authority that Node knows or that is in the file of NODE_EXTRA_CA_CERTS."
  );
}
