/**
 * SendBatch: a large batch goes in parts, each when its tenant has its turn, so that a thousand notifications keep nobody waiting for longer
 * than some milliseconds. A part is one append; a batch of ordinary size is one part.
 *
 * The parts go to the log in their order. One that the log does not take is answered so, item by item, and the others as they fared; where
 * it takes none, the call fails as a Send would.
 */
import type { Logger } from "pino";
import { Problem } from "#domain/errors.ts";
import { type SendBatchRequest, type SendRequest, SendRequestSchema, type SendResult } from "#gen/carillon/ingest/v1/ingest_pb.ts";
import type { Clock } from "#platform/clock.ts";
import { maskedProblem } from "#platform/rpc/mask.ts";
import { validateMessage } from "#platform/rpc/validation.ts";
import { accept, type Candidate } from "./accept.ts";
import { resultOf } from "./answer.ts";
import type { Intake, Taken } from "./intake.ts";
import { withKey } from "./key.ts";
import type { Work } from "./shed/shedder.ts";
import type { Pinning } from "./templates.ts";

export interface BatchNeeds {
  readonly intake: Intake;
  readonly pinned: Pinning;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface BatchCall {
  readonly environment: string;
  /** Empty: there is none. */
  readonly headerKey: string;
  readonly traceparent: string | undefined;
  readonly requestId: string;
  readonly work: Work;
  /** Called before anything of it may be in the log. */
  handed(): void;
}

/** What accepting and appending one notification costs beside its bytes, in bytes. */
const ITEM_COST = 1_024;
/** Some four milliseconds. */
const PART_COST = 160 * 1_024;

export const costOf = (notifications: number, bytes: number): number => bytes + notifications * ITEM_COST;

/** An error that is no Problem is the item's too, and INTERNAL to its caller: the others go on. */
type Answer = Taken | Error;

/** Some of the batch's notifications, all of one tenant. */
interface Part {
  readonly tenant: string;
  /** Their places in the batch. */
  readonly places: readonly number[];
}

/** How a part fared, in its order. */
interface Fared {
  readonly answers: readonly Answer[];
  /** Those that the log did not take. */
  readonly lost: readonly Error[];
}

export async function sendBatch({ notifications }: SendBatchRequest, call: BatchCall, needs: BatchNeeds): Promise<SendResult[]> {
  const each = costOf(1, Math.ceil(call.work.bodyBytes / notifications.length));
  const parts = [...partsOf(notifications, Math.max(1, Math.floor(PART_COST / each)))];
  const faring: Promise<Fared>[] = [];
  try {
    for (const { tenant, places } of parts) {
      const ended = await call.work.turn(tenant, each * places.length);
      const { fares } = await hand(notifications, places, call, needs);
      faring.push(fares.finally(ended));
    }
  } finally {
    // Whatever went wrong, memory is held until the log has answered.
    await Promise.allSettled(faring);
  }
  const fared = await Promise.all(faring);
  const answers: Answer[] = [];
  for (const [index, { places }] of parts.entries())
    for (const [at, place] of places.entries()) answers[place] = fared[index]?.answers[at] as Answer;
  const [lost] = fared.flatMap((part) => part.lost);
  if (lost && answers.every((answer) => answer instanceof Error)) throw lost;
  const told = (answer: Answer) =>
    answer instanceof Error && !(answer instanceof Problem) ? maskedProblem(answer, call.requestId, needs.logger) : answer;
  return answers.map((answer) => resultOf(told(answer)));
}

/** Resolves when the part is on its way into the log, where the next one may follow it. Neither it nor how the part fares ever rejects. */
async function hand(
  notifications: readonly SendRequest[],
  places: readonly number[],
  call: BatchCall,
  needs: BatchNeeds,
): Promise<{ readonly fares: Promise<Fared> }> {
  const tried = await Promise.all(
    places.map((place) => tryAccept(notifications[place] as SendRequest, call.headerKey && `${call.headerKey}/${place}`, call, needs)),
  );
  const candidates = tried.filter((one): one is Candidate => !(one instanceof Error));
  const answered = (found: readonly Answer[]): readonly Answer[] => {
    let next = 0;
    return tried.map((one) => (one instanceof Error ? one : (found[next++] as Answer)));
  };
  const refused = (error: unknown): Fared => {
    const lost = candidates.map(() => asError(error));
    return { answers: answered(lost), lost };
  };
  try {
    call.handed();
    const { answers } = await needs.intake.hand(candidates, call.traceparent);
    return { fares: answers.then((found) => ({ answers: answered(found), lost: [] }), refused) };
  } catch (error) {
    return { fares: Promise.resolve(refused(error)) };
  }
}

/** Parts of one tenant each, in the order of the batch. */
function* partsOf(notifications: readonly SendRequest[], most: number): Iterable<Part> {
  const ofTenants = new Map<string, number[]>();
  for (const [place, { tenant }] of notifications.entries()) {
    const places = ofTenants.get(tenant);
    if (places) places.push(place);
    else ofTenants.set(tenant, [place]);
  }
  for (const [tenant, places] of ofTenants)
    for (let from = 0; from < places.length; from += most) yield { tenant, places: places.slice(from, from + most) };
}

/** What would go into the log, or what keeps this one out. */
async function tryAccept(
  request: SendRequest,
  headerKey: string,
  { environment }: BatchCall,
  { pinned, clock }: BatchNeeds,
): Promise<Candidate | Error> {
  try {
    const violations = validateMessage(SendRequestSchema, request);
    if (violations.length > 0) return new Problem("INVALID_REQUEST", { violations });
    return accept(withKey(request, headerKey), environment, clock.nowMs(), await pinned(request, environment));
  } catch (error) {
    return asError(error);
  }
}

const asError = (thrown: unknown): Error =>
  thrown instanceof Error ? thrown : new Error("something else than an error was thrown", { cause: thrown });
