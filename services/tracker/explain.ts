/**
 * The story of a notification, in steps and sentences, derived from its history. Pure.
 *
 * It is read by somebody at three in the morning who asks "why did she not get it?": plain sentences, times in UTC, the person's id and the
 * provider's own words where they help. It is the product's own answer to its own staff, so it may name people.
 */
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { nameOfChannel } from "#domain/channels/channel.ts";
import { sentence } from "#domain/reasons.ts";
import { Channel, DeliveryStatus, Priority } from "#gen/carillon/common/v1/common_pb.ts";
import type { Decision, DeliveryEvent, NotificationRequested } from "#gen/carillon/event/v1/event_pb.ts";
import { type Step, StepSchema } from "#gen/carillon/tracker/v1/tracker_pb.ts";
import type { History } from "./history.ts";
import { endFor, placesOf } from "./notification.ts";

type Told = MessageInitShape<typeof StepSchema>;

export function explain({ requested, decided, changes, refused, canceled, erased }: History): Step[] {
  if (erased) return [create(StepSchema, erasedStep(erased))];
  const places = placesOf(requested);
  const place = ({ userId }: DeliveryEvent) => places.get(userId) ?? places.size;
  const inRequestOrder = [...decided].sort((a, b) => Number(a.atMs - b.atMs) || place(a) - place(b));
  // Within a millisecond a decision comes before what follows from it; the sort keeps the order of what it finds equal.
  const queued = new Set(changes.filter(({ status }) => status === DeliveryStatus.QUEUED).map(({ deliveryId }) => deliveryId));
  const lines = inRequestOrder.flatMap((event) => queuedSteps(event, queued));
  const steps = [
    ...inRequestOrder.flatMap(decisionSteps),
    ...lines,
    ...changes.flatMap(changeSteps),
    ...refused.map(refusedStep),
    ...(canceled ? [canceledStep(canceled)] : []),
  ].sort((a, b) => Number((a.atMs ?? 0n) - (b.atMs ?? 0n)));
  return [...(requested ? [askedStep(requested), ...scheduledSteps(requested)] : []), ...steps].map((step) => create(StepSchema, step));
}

function askedStep(requested: NotificationRequested): Told {
  const { recipients, actor, eventType, category, channels, priority, template, acceptedAtMs, expiresAtMs } = requested;
  const what = [eventType && ` of "${eventType}"`, category && ` in the category "${category}"`].join("");
  const sentences = [
    `The sender asked to notify ${someOf(recipients.map(({ userId, email }) => userId || email))}${what}.`,
    channels.length > 0
      ? `The sender named the channel${channels.length > 1 ? "s" : ""} ${listOf(channels.map(nameOfChannel))}.`
      : "The sender named no channels, so preferences choose.",
  ];
  const urgency = urgencies[priority];
  if (urgency) sentences.push(`The sender gave it ${urgency} priority.`);
  if (template) sentences.push(`The words come from version ${template.version} of the template "${template.name}".`);
  if (actor !== "") sentences.push(`${actor} caused it.`);
  if (expiresAtMs > 0n) sentences.push(`No send starts after ${timeOf(expiresAtMs)}.`);
  return { atMs: acceptedAtMs, stage: "asked", sentences };
}

const scheduledSteps = ({ acceptedAtMs, sendAtMs }: NotificationRequested): Told[] =>
  sendAtMs > acceptedAtMs
    ? [{ atMs: acceptedAtMs, stage: "scheduled", sentences: [`It is scheduled for ${timeOf(sendAtMs)}; nothing is decided before.`] }]
    : [];

const urgencies: { readonly [priority in Priority]: string } = {
  [Priority.UNSPECIFIED]: "",
  [Priority.LOW]: "low",
  [Priority.MEDIUM]: "medium",
  [Priority.HIGH]: "high",
  [Priority.CRITICAL]: "critical",
};

/** A step per channel considered and, where none is used, one for the person: nothing was sent, and why. */
function decisionSteps({ atMs, userId, decisions, atMostOnce }: DeliveryEvent): Told[] {
  const steps = decisions.map(({ channel, send, reasons, target, untilMs, locale }): Told => {
    const sentences = [...reasons.map(sentence), ...untilSentences(untilMs)];
    if (send && target !== "") sentences.push(`It goes to ${target}.`);
    if (send && locale !== "") sentences.push(`It is written in ${locale}, or the nearest that the template has.`);
    // An inbox keeps what is stored twice once, whatever its category.
    if (send && atMostOnce && channel !== Channel.WEB) sentences.push(ONCE);
    return { atMs, userId, channel, stage: send ? "decided" : "not used", reasons, sentences };
  });
  if (decisions.some(({ send }) => send)) return steps;
  const reasons = decidingReasons(decisions);
  const [end = DeliveryStatus.SKIPPED, ...others] = new Set(reasons.map(endFor));
  const stage = stages[others.length === 0 ? end : DeliveryStatus.SKIPPED] as string;
  const untilMs = decisions.find((each) => each.untilMs > 0n)?.untilMs ?? 0n;
  const sentences = [
    ...reasons.map(sentence),
    ...untilSentences(untilMs),
    userId === "" ? "So nothing was sent." : `So nothing was sent to ${userId}.`,
  ];
  return [...steps, { atMs, userId, stage, reasons, sentences }];
}

const ONCE = "Its category is sent at most once: should nobody know how a send of it ended, it is not sent again.";

const untilSentences = (untilMs: bigint): string[] => (untilMs > 0n ? [`That is until ${timeOf(untilMs)}.`] : []);

/** The first place in the line needs no event of its own: a delivery is written together with its decision. */
const queuedSteps = ({ atMs, userId, decisions }: DeliveryEvent, told: ReadonlySet<string>): Told[] =>
  decisions
    .filter(({ send, deliveryId }) => send && !told.has(deliveryId))
    .map(({ channel, untilMs }) =>
      untilMs > 0n
        ? { atMs, userId, channel, stage: "waiting", reasons: ["quiet_hours"], sentences: [`It is due at ${timeOf(untilMs)}.`] }
        : { atMs, userId, channel, stage: "queued", sentences: [plainly[DeliveryStatus.QUEUED]] },
    );

/** That the sender did not ask for a channel explains nothing as long as there is another reason. */
function decidingReasons(decisions: readonly Decision[]): string[] {
  const last = [...new Set(decisions.flatMap(({ reasons }) => reasons.slice(-1)))];
  const others = last.filter((reason) => reason !== "not_requested");
  return others.length > 0 ? others : last;
}

const stages: { readonly [status in DeliveryStatus]: string } = {
  [DeliveryStatus.UNSPECIFIED]: "",
  [DeliveryStatus.QUEUED]: "queued",
  [DeliveryStatus.DEFERRED]: "waiting",
  [DeliveryStatus.SENT]: "sent",
  [DeliveryStatus.FAILED]: "failed",
  [DeliveryStatus.DEAD]: "dead",
  [DeliveryStatus.SKIPPED]: "skipped",
  [DeliveryStatus.EXPIRED]: "expired",
  [DeliveryStatus.CANCELED]: "canceled",
};

/** For events that carry no reason. */
const plainly: { readonly [status in DeliveryStatus]: string } = {
  [DeliveryStatus.UNSPECIFIED]: "",
  [DeliveryStatus.QUEUED]: "It was put in line for its first attempt.",
  [DeliveryStatus.DEFERRED]: "It waits for another attempt.",
  [DeliveryStatus.SENT]: "It was sent.",
  [DeliveryStatus.FAILED]: "It failed for good.",
  [DeliveryStatus.DEAD]: sentence("attempts_exhausted"),
  [DeliveryStatus.SKIPPED]: "It was skipped.",
  [DeliveryStatus.EXPIRED]: sentence("expired"),
  [DeliveryStatus.CANCELED]: sentence("canceled"),
};

function changeSteps(event: DeliveryEvent): Told[] {
  const { atMs, userId, channel, status, cycle, attempt, reason, detail, provider, providerMessageId, dueAtMs } = event;
  // A status of a newer version: better no step than one without a word.
  const stage = stages[status];
  if (!stage) return [];
  const sentences = [reason === "" ? (plainly[status] ?? "") : sentence(reason)];
  if (status === DeliveryStatus.QUEUED && cycle > 1) sentences.push("This is a replay of its dead letter.");
  // Without an attempt no provider has said anything.
  if (detail !== "" && provider === "" && attempt === 0) sentences.push(`Found: ${detail}.`);
  else if (detail !== "") sentences.push(`${provider || "The provider"} said: "${detail}".`);
  if (providerMessageId !== "") sentences.push(`${provider || "The provider"} knows it as ${providerMessageId}.`);
  if (status === DeliveryStatus.DEFERRED && dueAtMs > 0n) sentences.push(`It is due again at ${timeOf(dueAtMs)}.`);
  return [{ atMs, userId, channel, stage, reasons: reason === "" ? [] : [reason], sentences, attempt }];
}

function refusedStep({ atMs, userId, reason, detail }: DeliveryEvent): Told {
  const sentences = [reason === "" ? "It could not be carried on with and was put aside." : sentence(reason)];
  if (detail !== "") sentences.push(`Found: ${detail.replace(/[.?!]$/, "")}.`);
  return { atMs, userId, channel: Channel.UNSPECIFIED, stage: "refused", reasons: reason === "" ? [] : [reason], sentences };
}

function canceledStep({ atMs, tooLate }: DeliveryEvent): Told {
  const sentences = ["The sender canceled it: from here on no send of it starts."];
  const [many, were] = tooLate.length === 1 ? ["one delivery", "was"] : [`${tooLate.length} deliveries`, "were"];
  if (tooLate.length > 0) sentences.push(`That came too late for ${many}, which had been sent or ${were} being sent.`);
  return { atMs, stage: "canceled", reasons: ["canceled"], sentences };
}

/** When it was accepted is the only time that is known: when the person was erased is told to whoever erases. */
const erasedStep = ({ acceptedAtMs }: NonNullable<History["erased"]>): Told => ({
  ...{ atMs: acceptedAtMs, stage: "erased", reasons: ["erased"] },
  sentences: [sentence("erased"), "Nothing else is told of it, not even whether it had been sent; no send of it starts any more."],
});

/** The last millisecond that a Date can tell; other programs may write any number. */
const END_OF_TIME_MS = 8.64e15;

/** "2026-11-21 08:47:07 UTC" */
const timeOf = (ms: bigint) =>
  new Date(Math.min(Number(ms), END_OF_TIME_MS))
    .toISOString()
    .replace(/\.\d+Z$/, " UTC")
    .replace("T", " ");

const listOf = (words: readonly string[]) => (words.length < 2 ? words.join() : `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`);

const SHOWN = 5;

const someOf = (names: readonly string[]) =>
  names.length <= SHOWN ? listOf(names) : listOf([...names.slice(0, SHOWN), `${(names.length - SHOWN).toLocaleString("en")} more`]);
