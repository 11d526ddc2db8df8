/**
 * A process is killed right before and right after what it does. A send that nobody but its worker knows the end of may repeat, and no other:
 * the point is only reached when no other send is unresolved.
 */
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Channel } from "#gen/carillon/common/v1/common_pb.ts";
import { clientsOf } from "../../world/clients.ts";
import type { Fault, Step } from "../fault.ts";
import type { Act, Point } from "../inside/points.ts";
import type { FaultMesh } from "../mesh.ts";

const around = (...acts: readonly Act[]): readonly Point[] => acts.flatMap((act) => [`before ${act}`, `after ${act}`] as const);

/** One notification a call, so that a send is often alone. */
const PER_SECOND = 20;

/** The provider has it, and nobody knows but the one who dies. */
const UNRESOLVED: readonly Point[] = ["after provider call", "before outcome"];

export const deathAt = (module: string, point: Point, died = module): Fault => ({
  name: `kill -9 of ${module} ${point}`,
  perSecond: PER_SECOND,
  ...(UNRESOLVED.includes(point) && { allowed: { repeats: 1, why: "the send that was unresolved" } }),
  steps: [{ break: (mesh) => mesh.reach({ module, point }) }],
  ends: [endOf(died)],
});

/** One after the other, each under load. */
const deathsOf = (
  module: string,
  points: readonly Point[],
  more: { readonly process?: string; readonly stir?: Step["break"] } = {},
): Fault => ({
  name: `kill -9 of ${module} ${points.join(", ")}`,
  perSecond: PER_SECOND,
  steps: points.map((point) => ({ break: (mesh) => Promise.all([mesh.reach({ module, point }), more.stir?.(mesh)]) })),
  ends: points.map(() => endOf(more.process ?? module)),
});

const endOf = (name: string) => `${name} was ended by signal 9; starting it again.`;

/** Work for the scheduler and the inbox, which mails that go out at once leave alone. */
async function remind({ url }: FaultMesh): Promise<void> {
  const { ingest } = clientsOf(url);
  const soon = () => timestampFromMs(Date.now() + 1_000);
  for (let number = 0; number < 10; number++)
    await ingest.send({
      ...{ recipients: [{ userId: `reminded-${number}` }], channels: [Channel.WEB], content: { title: "Soon" }, sendAt: soon() },
    });
}

export const deaths: readonly Fault[] = [
  ...around("intent", "provider call", "outcome", "append", "commit").map((point) => deathAt("email-workers", point)),
  deathsOf("ingest", around("append"), { process: "ingest+console" }),
  deathsOf("router", around("append", "commit")),
  deathsOf("dispatcher", around("decision", "append", "commit")),
  deathsOf("tracker", around("commit")),
  deathsOf("scheduler", around("append", "commit"), { stir: remind }),
  deathsOf("inbox", around("append", "commit"), { stir: remind }),
];
