/** The processes of a simulated run: where they run, how they start and end, and what befalls them. */
import type { Registry } from "prom-client";
import { type RunningStage, runStage } from "#platform/stage/runner.ts";
import type { Stage } from "#platform/stage/stage.ts";
import { runTask } from "../../services/task.ts";
import type { Blow } from "./faults.ts";
import type { Broker } from "./log.ts";
import { Process } from "./process.ts";
import { type Ports, type Room, rooms, silent } from "./rooms.ts";
import type { Timeline } from "./timeline.ts";

export interface FleetNeeds {
  readonly timeline: Timeline;
  readonly broker: Broker;
  readonly metrics: Registry;
  readonly sessionMs: number;
  portsOf(process: Process): Ports;
  watched<In>(stage: Stage<In>, process: Process): Stage<In>;
  died(process: Process): void;
}

/** Where one process runs at a time. */
interface Place {
  readonly name: string;
  readonly rooms: readonly Room[];
  starts: number;
  process: Process;
  running: RunningStage[];
  stop: AbortController;
}

const all = Object.keys(rooms) as Room[];
/** One kind of process each; what only keeps is one kind together. */
const shares: readonly (readonly Room[])[] = [
  ["router"],
  ["dispatcher"],
  ["inbox"],
  ["email"],
  ["scheduler"],
  ["tracker", "deadletters", "preferences"],
];

export class Fleet {
  readonly #needs: FleetNeeds;
  readonly #places: Place[];

  /** Two processes of each kind. */
  constructor(form: "one" | "many", needs: FleetNeeds) {
    this.#needs = needs;
    const kinds: readonly (readonly Room[])[] = form === "one" ? [all] : shares;
    this.#places = kinds.flatMap((kind) =>
      ["a", "b"].map((letter) => this.#started({ name: `${kind === all ? "all" : kind[0]}-${letter}`, rooms: kind, starts: 0 })),
    );
  }

  befall(fault: Blow): void {
    const { timeline, broker, sessionMs } = this.#needs;
    const at = fault.is === "dies" ? fault.at : undefined;
    const places = at ? this.#places.filter(({ rooms }) => rooms.includes(at.room)) : this.#places;
    const place = places[Math.floor(fault.place * places.length)] as Place;
    const { process } = place;
    if (!process.isAlive || process.isStalled) return;
    timeline.note(`fault: ${process.name} ${JSON.stringify(fault)}`);
    switch (fault.is) {
      case "dies":
        process.doom({
          calls: fault.afterCalls,
          called: at?.call ?? "",
          die: () => {
            this.#end(process);
            timeline.after(sessionMs, `${process.name} is put out`, () => broker.putOut(process));
            this.#back(place, fault.backAfterMs);
          },
        });
        return;
      case "stands still":
        process.stall();
        timeline.after(sessionMs, `${process.name} is missed`, () => process.isStalled && broker.putOut(process));
        timeline.after(fault.forMs, `${process.name} goes on`, () => process.wake());
        return;
      case "leaves":
        place.stop.abort();
        void Promise.all(place.running.map((each) => each.drain(fault.withinMs))).then(() => {
          timeline.note(`${process.name} has left`);
          this.#end(process);
          broker.putOut(process);
          this.#back(place, fault.backAfterMs);
        });
        return;
      case "has its clock set":
        process.aheadMs += fault.byMs;
    }
  }

  /** From now on nothing goes wrong: all run, and know what time it is. */
  heal(): void {
    for (const place of this.#places) {
      const { process } = place;
      process.spare();
      process.wake();
      process.aheadMs = 0;
      if (!process.isAlive) this.#started(place);
    }
  }

  #end(process: Process): void {
    process.die();
    this.#needs.died(process);
  }

  #back(place: Place, afterMs: number): void {
    this.#needs.timeline.after(afterMs, `${place.name} comes back`, () => {
      if (!place.process.isAlive) this.#started(place);
    });
  }

  #started(place: Pick<Place, "name" | "rooms" | "starts"> & Partial<Place>): Place {
    const { timeline, metrics, portsOf, watched } = this.#needs;
    const starts = place.starts + 1;
    const process = new Process(`${place.name}${starts}`, timeline);
    const started: Place = Object.assign(place, { starts, process, running: [], stop: new AbortController() });
    const ports = portsOf(process);
    const { log, clock } = ports;
    for (const room of place.rooms) {
      const { stages, tasks = [] } = rooms[room](ports);
      for (const stage of stages)
        void runStage({ stage: watched(stage, process), log, clock, logger: silent, metrics }).then((running) => {
          if (started.process === process) started.running.push(running);
        });
      for (const task of tasks) void runTask(task, { clock, logger: silent }, started.stop.signal);
    }
    return started;
  }
}
