/** Who a notification is for, as one word: the user id, or `~uuid` of a bare address. The word keys records and decisions. */
import { addressName } from "#domain/ids.ts";

export interface RecipientParts {
  readonly userId: string;
  readonly email: string;
}

/** `hash` is UUIDv5: domain builds names, platform hashes them. */
export const recipientWord = (recipient: RecipientParts, hash: (name: string) => string): string =>
  recipient.userId !== "" ? recipient.userId : `~${hash(addressName("email", recipient.email.toLowerCase()))}`;
