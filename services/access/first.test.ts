import pino from "pino";
import { expect, it } from "vitest";
import { EnvironmentKind } from "#gen/carillon/access/v1/access_pb.ts";
import { Scope } from "#gen/carillon/access/v1/options_pb.ts";
import { accessRoom } from "./access.fixture.ts";
import { authenticating } from "./authenticate.ts";
import { firstCredential, recoveredCredential, seedDevelopmentEnvironment } from "./first.ts";

const here = accessRoom();
const opens = (credential: string | undefined) =>
  authenticating({ store: here.store, clock: here.clock, logger: pino({ level: "silent" }), sessionOf: async () => undefined })(
    new Headers({ authorization: `Bearer ${credential}` }),
    "",
  );

it("the first key is an admin's, and there is one first key", async () => {
  const credential = await firstCredential(here.store, here.clock);
  expect(await opens(credential)).toEqual({
    environment: "production",
    internal: false,
    scopes: [Scope.ADMIN],
    key: credential?.split(".")[0],
  });
  expect(await firstCredential(here.store, here.clock)).toBeUndefined();
});

it("a lost one is replaced by another of the same environment", async () => {
  await firstCredential(here.store, here.clock);
  const credential = await recoveredCredential(here.store, here.clock);
  expect(await opens(credential)).toEqual({
    environment: "production",
    internal: false,
    scopes: [Scope.ADMIN],
    key: credential?.split(".")[0],
  });
});

it("development has its environment, once, which is for tests: production on its data sends none of its mails", async () => {
  await seedDevelopmentEnvironment(here.store, here.clock);
  await seedDevelopmentEnvironment(here.store, here.clock);
  expect(await here.store.findEnvironment("development")).toMatchObject({ kind: EnvironmentKind.TEST, home: true });
});
