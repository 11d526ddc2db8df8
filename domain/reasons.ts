/**
 * The catalogue of reasons: why something was done or not, as a code that never changes and a sentence for people.
 *
 * Codes go into records, metrics and Explain; docs/reasons.md is made from this table. Sentences hold no person's data.
 */
export const reasons = {
  // Why a channel is used.
  channel_requested: "The sender asked for this channel.",
  channel_preferred: "The person chose this channel for the category.",
  channel_default: "No channel was asked for and the person made no choice, so every channel they can be reached on is used.",
  critical_passes_mute: "The category is muted, but a critical notification passes a mute.",
  critical_passes_choice: "The person chose other channels for the category, but a critical notification also goes where the sender asked.",
  one_time_address: "The sender gave an address to use for this notification only.",

  // Why a channel is not used.
  category_muted: "The person muted this category.",
  everything_muted: "The person muted everything.",
  own_act: "The person caused this themselves, and nobody is notified of their own act.",
  not_requested: "The sender asked for other channels only.",
  not_preferred: "The person chose other channels for the category.",
  no_email_address: "No email address of the person is known.",
  no_person: "The recipient is a bare address, so there is no inbox to put it into.",
  expired: "It expired before it could be sent.",
  channel_disabled: "This channel is switched off in this installation.",

  // What happened to a delivery.
  accepted_by_provider: "The provider took it over.",
  stored_in_inbox: "It was stored in the person's inbox and pushed to their open browsers.",
  refused_by_provider: "The provider refused it for good.",
  temporarily_refused: "The provider refused it for now, and it will be tried again.",
  attempts_exhausted: "The provider refused every allowed attempt; it is kept as a dead letter.",
  provider_unavailable: "The provider could not be reached or is out of service, so it waits without using up an attempt.",
  send_unresolved: "A worker stopped in the middle of a send whose outcome is not known, so it was sent again.",
  outcome_unknown: "The connection broke after the message was handed over and before the answer came, so it will be sent again.",
  lease_held: "Another worker is sending it; this waits for the outcome.",

  // Why a record is buried.
  undecodable: "The record could not be decoded.",
  invalid: "The record broke a rule of its contract.",
  oversize: "The record is larger than its topic takes.",
  stage_failed: "The stage failed on this record every time it tried.",
} as const;

export type Reason = keyof typeof reasons;

/** The sentence of a code; an unknown one (of a newer version) is shown as it is. */
export const sentence = (code: string): string => (reasons as Record<string, string>)[code] ?? code;
