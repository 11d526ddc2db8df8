import { Counter } from "prom-client";
import { describe, expect, it } from "vitest";
import type { HttpRequest, Route } from "#platform/rpc/route.ts";
import { healthRoutes, together } from "./health.ts";
import { createLogger } from "./logger.ts";
import { createMetrics, metricsRoutes } from "./metrics.ts";

const request = { headers: new Headers() } as HttpRequest;

describe("the log", () => {
  const logged = (level: string) => {
    const lines: Record<string, unknown>[] = [];
    return { lines, logger: createLogger({ level, destination: { write: (line: string) => void lines.push(JSON.parse(line)) } }) };
  };

  it("is one JSON object a line, with a readable level and time", () => {
    const { lines, logger } = logged("info");
    logger.info({ deliveryId: "d" }, "sent");
    expect(lines).toEqual([{ level: "info", time: expect.stringMatching(/^\d{4}-\d\d-\d\dT/), deliveryId: "d", msg: "sent" }]);
  });

  it("leaves out what is below its level", () => {
    const { lines, logger } = logged("warn");
    logger.info("quiet");
    logger.warn("loud");
    expect(lines.map((line) => line.msg)).toEqual(["loud"]);
  });

  it("strikes out secrets", () => {
    const { lines, logger } = logged("info");
    logger.info({ password: "p", headers: { authorization: "a", host: "h" }, token: "t" }, "x");
    expect(lines[0]).toMatchObject({ password: "[secret]", headers: { authorization: "[secret]", host: "h" }, token: "[secret]" });
  });

  it("keeps an error's stack", () => {
    const { lines, logger } = logged("info");
    logger.error({ err: new TypeError("broken") }, "failed");
    expect(lines[0]).toMatchObject({ err: { type: "TypeError", message: "broken", stack: expect.stringContaining("telemetry.test.ts") } });
  });
});

describe("the metrics page", () => {
  it("shows the process' own and every registered metric", async () => {
    const metrics = createMetrics("1.2.3");
    new Counter({ name: "carillon_things_total", help: "Things.", registers: [metrics] }).inc(3);
    const [page] = metricsRoutes(metrics, () => ({ ok: false, why: [] })) as [Route];
    const { status, headers, body } = await page.handle(request);
    expect([status, headers?.["content-type"]]).toEqual([200, expect.stringContaining("text/plain")]);
    expect(body).toContain("carillon_things_total 3");
    expect(body).toContain("process_cpu_user_seconds_total");
    expect(body).toContain(`carillon_build_info{version="1.2.3",node="${process.versions.node}"} 1`);
    expect(body).toContain("carillon_ready 0");
    expect(body).toMatch(/^carillon_event_loop_utilization_ratio [\d.e-]+$/m);
  });
});

describe("health", () => {
  it("is alive whatever happens, ready only when everything is, and tells why not to whom it may", async () => {
    let now = { ok: false, why: ["stage router: no progress for 30 s"] };
    const [healthz, readyz] = healthRoutes(
      () => now,
      ({ headers }) => headers.has("authorization"),
    );
    expect((await healthz?.handle(request))?.status).toBe(200);
    const told = { ...request, headers: new Headers({ authorization: "Bearer x" }) };
    expect(await readyz?.handle(told)).toMatchObject({ status: 503, body: JSON.stringify(now) });
    expect(await readyz?.handle(request)).toMatchObject({ status: 503, body: '{"ok":false}' });
    now = { ok: true, why: [] };
    expect(await readyz?.handle(told)).toMatchObject({ status: 200, body: '{"ok":true,"why":[]}' });
    expect(await readyz?.handle(request)).toMatchObject({ status: 200, body: '{"ok":true}' });
  });

  it("is ready when every part is, and passes on what each says, also those that are ready", () => {
    const some = { ok: true, why: ["kafka: nobody leads mail/3"] };
    expect(together([{ ok: true }, some])).toEqual(some);
    expect(together([some, { ok: false, why: "draining" }])).toEqual({ ok: false, why: [...some.why, "draining"] });
  });
});
