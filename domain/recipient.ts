/** Who a notification is for, as one word: the user id, or `~uuid` of a bare address. The word keys records and decisions. */
import type { Violation } from "#domain/errors.ts";
import { addressName } from "#domain/ids.ts";

export interface RecipientParts {
  readonly userId: string;
  readonly email: string;
}

/** `hash` is UUIDv5: domain builds names, platform hashes them. */
export const recipientWord = (recipient: RecipientParts, hash: (name: string) => string): string =>
  recipient.userId !== "" ? recipient.userId : `~${hash(addressName("email", recipient.email.toLowerCase()))}`;

/**
 * What is wrong with the recipients as a list. A person named twice is one recipient, so two addresses for one of them would leave one
 * unheard; named twice alike is harmless. `emails` are normalised.
 */
export function recipientFaults(recipients: readonly RecipientParts[]): Violation[] {
  const first = new Map<string, { readonly email: string; readonly index: number }>();
  return recipients.flatMap(({ userId, email }, index) => {
    if (userId === "") return [];
    const known = first.get(userId);
    if (!known) first.set(userId, { email, index });
    if (!known || known.email === email) return [];
    return [{ field: `recipients[${index}]`, description: `must not name the person of recipients[${known.index}] with another address` }];
  });
}
