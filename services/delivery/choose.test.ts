import { Code, ConnectError } from "@connectrpc/connect";
import { expect, it } from "vitest";
import { EnvironmentKind } from "#gen/carillon/access/v1/access_pb.ts";
import type { Mode } from "#platform/config/mode.ts";
import type { Given } from "#platform/host.ts";
import { memoryBuckets } from "#platform/limits/bucket.memory.ts";
import { fakeClock } from "../../test/fakes/clock.ts";
import { choosing } from "./choose.ts";
import { integrationOf, type Route } from "./integration.ts";
import { mailboxSender } from "./providers/email/mailbox.ts";
import { nullSender } from "./providers/email/null.ts";
import type { Sender } from "./sender.ts";

const clock = fakeClock();
const routeOf = (sender: Sender): Route => [integrationOf({ sender, buckets: memoryBuckets({ clock }), worker: "w-1", clock })];
const configured = routeOf(nullSender());

/** Answers of the access room by environment; none: it does not know it. */
function room(kinds: Record<string, EnvironmentKind>, mode: Mode = "production") {
  const asked: string[] = [];
  const trouble: { error?: ConnectError } = {};
  const client = (_service: unknown, environment: string) => ({
    async getEnvironment() {
      asked.push(environment);
      if (trouble.error) throw trouble.error;
      const kind = kinds[environment];
      if (kind === undefined) throw new ConnectError("not there", Code.NotFound);
      return { environment: { kind } };
    },
  });
  const mailboxOf = () => routeOf(mailboxSender(async () => {}));
  const choose = choosing({ mode, configured, mailboxOf, client: client as unknown as Given["client"] });
  return { asked, trouble, kinds, choose };
}

it("a live environment's mails go to the provider, a test environment's to the mailbox", async () => {
  const { choose } = room({ production: EnvironmentKind.LIVE, staging: EnvironmentKind.TEST });
  expect(await choose("production")).toBe(configured);
  expect((await choose("staging"))?.[0].sender.id).toBe("mailbox");
});

it("an environment that nobody knows is none, until it is known to be live", async () => {
  const { choose, kinds } = room({});
  expect(await choose("new")).toBeUndefined();
  kinds.new = EnvironmentKind.LIVE;
  expect(await choose("new")).toBe(configured);
});

it("a kind that says nothing reaches nobody", async () => {
  const { choose } = room({ odd: EnvironmentKind.UNSPECIFIED });
  expect((await choose("odd"))?.[0].sender.id).toBe("mailbox");
});

it("while nobody can say, nothing is sent anywhere", async () => {
  const { choose, trouble } = room({ production: EnvironmentKind.LIVE });
  trouble.error = new ConnectError("the database is closed", Code.Internal);
  await expect(choose("production")).rejects.toThrow("the database is closed");
  delete trouble.error;
  expect(await choose("production")).toBe(configured);
});

it("an environment is asked about once", async () => {
  const { choose, asked } = room({ production: EnvironmentKind.LIVE, staging: EnvironmentKind.TEST });
  const chosen = [await choose("production"), await choose("staging"), await choose("production"), await choose("staging")];
  expect(new Set(chosen).size).toBe(2);
  expect(asked).toEqual(["production", "staging"]);
});

it("development's own environment goes where the settings say in development mode alone, and every other one by its kind", async () => {
  const kinds = { development: EnvironmentKind.TEST, staging: EnvironmentKind.TEST };
  const { choose } = room(kinds, "development");
  expect(await choose("development")).toBe(configured);
  expect((await choose("staging"))?.[0].sender.id).toBe("mailbox");
  expect((await room(kinds).choose("development"))?.[0].sender.id).toBe("mailbox");
});
