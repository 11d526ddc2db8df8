/**
 * The catalogue of reasons: why something was done or not, as a code that never changes and a sentence for people.
 *
 * Codes go into records, metrics and Explain; docs/reasons.md is made from this table. Sentences hold no person's data.
 */
export const reasons = {
  // Why a channel is used.
  channel_requested: "The sender asked for this channel.",
  channel_preferred: "The person chose this channel for the category.",
  channel_default: "Neither the sender nor the person named channels for this, so every channel they can be reached on is used.",
  critical_passes_mute: "The category is muted, but a critical notification passes a mute.",
  critical_passes_choice: "The person chose other channels for the category, but a critical notification also goes where the sender asked.",
  quiet_hours: "The person has quiet hours, so it waits until they end.",
  critical_passes_quiet_hours: "The person has quiet hours, but a critical notification passes them.",
  one_time_address: "The sender gave an address to use for this notification only.",

  // Why a channel is not used.
  category_muted: "The person muted this category.",
  everything_muted: "The person muted everything.",
  category_muted_until: "The person muted this category for a while.",
  everything_muted_until: "The person muted everything for a while.",
  expires_in_quiet_hours: "It expires before the person's quiet hours end.",
  own_act: "The person caused this themselves, and nobody is notified of their own act.",
  not_requested: "The sender asked for other channels only.",
  not_preferred: "The person chose other channels for the category.",
  no_email_address: "No email address of the person is known.",
  no_person: "The recipient is a bare address, so there is no inbox to put it into.",
  no_words: "The template has no words for this channel.",
  expired: "It expired before it could be sent.",
  canceled: "The sender canceled it before it was sent.",
  suppressed_complaint: "The recipient is on the suppression list, after a complaint about an earlier message.",
  suppressed_bounce: "The address is on the suppression list, since an earlier message to it came back.",
  suppressed_unsubscribe: "The recipient is on the suppression list, having unsubscribed.",
  suppressed_manual: "The recipient is on the suppression list, where somebody put them.",
  suppressed: "The recipient was put on the suppression list after this had been decided, and before it was sent.",
  erased: "The person was erased after this had been accepted.",
  channel_disabled: "This channel is switched off in this installation.",

  // What happened to a delivery.
  accepted_by_provider: "The provider took it over.",
  stored_in_inbox: "It was stored in the person's inbox, where browsers that are open show it at once and others when they open.",
  refused_by_provider: "The provider refused it for good.",
  temporarily_refused: "The provider refused it for now, and it will be tried again.",
  attempts_exhausted: "The provider refused every allowed attempt; it is kept as a dead letter.",
  provider_unavailable: "The provider could not be reached or is out of service, so it waits without using up an attempt.",
  provider_paused: "An operator has paused whatever it could be sent by, so it waits without using up an attempt.",
  rate_limited: "The provider's account takes no more for now, so it waits for its turn without using up an attempt.",
  send_unresolved:
    "A send was cut off before its outcome was known, by a worker that stopped or a server that did not answer, so it was sent again.",
  send_unresolved_once:
    "A send was cut off before its outcome was known, and its category is sent at most once: it may have arrived, and it is not sent again.",
  outcome_unknown:
    "The message was handed over and its answer did not come: the connection broke, or was silent for minutes. It will be sent again.",
  intent_unavailable:
    "It is sent at most once, and what keeps it from being sent twice could not be reached, so it waits without using up an attempt.",
  lease_held: "Another worker is sending it; this waits for the outcome.",

  // Why a record is buried.
  undecodable: "The record could not be decoded.",
  newer_schema: "The record holds a value that this version does not know: a newer one wrote it.",
  invalid: "The record broke a rule of its contract.",
  render_failed: "The template could not be filled in with the notification's data.",
  unproven_origin: "The record claims in vain to come from this service, or it does not and its topic takes nothing from others.",
  no_environment: "There is no environment of the name that its raw topic is bound to.",
  oversize: "The record is larger than its topic takes.",
  ledger_malformed: "What is recorded of it cannot be read, so nobody knows whether it was carried out.",
  stage_failed: "The stage failed on this record every time it tried.",
} as const;

export type Reason = keyof typeof reasons;

/** The sentence of a code; an unknown one (of a newer version) is shown as it is. */
export const sentence = (code: string): string => (reasons as Record<string, string>)[code] ?? code;
