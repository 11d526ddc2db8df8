/**
 * Who holds how much of the memory that sends share, and who has to make room: equal shares between environments, and within one between its
 * tenants.
 *
 * Pure. Nobody is limited while there is room. Where there is none, whoever holds most gives some up (longest queue drop), so that one who
 * holds less than an equal share is never put out while another holds more. What can no longer be given up counts, and stays.
 */

/** Whose a holding is. */
export interface Flow {
  readonly environment: string;
  /** Undefined: not known yet. */
  readonly tenant: string | undefined;
}

interface EnvironmentShare<H> {
  bytes: number;
  yielding: number;
  readonly tenants: Map<string | undefined, TenantShare<H>>;
}

interface TenantShare<H> {
  bytes: number;
  count: number;
  /** How many give way; they are linked, the newest first. */
  yielding: number;
  newest: Place<H> | undefined;
}

interface Place<H> {
  readonly holding: H;
  flow: Flow;
  bytes: number;
  givesWay: boolean;
  older: Place<H> | undefined;
  newer: Place<H> | undefined;
}

export class Shares<H> {
  readonly #environments = new Map<string, EnvironmentShare<H>>();
  readonly #places = new Map<H, Place<H>>();
  #bytes = 0;

  /** Held by all. */
  get bytes(): number {
    return this.#bytes;
  }

  /** How it stands with a holding now, whatever was said of it before. */
  set(holding: H, flow: Flow, bytes: number, givesWay: boolean): void {
    const place = this.#places.get(holding);
    if (place?.givesWay === givesWay && place.flow.environment === flow.environment && place.flow.tenant === flow.tenant) {
      this.#grow(place, bytes - place.bytes);
      return;
    }
    if (place) this.#leave(place);
    this.#enter({ holding, flow, bytes, givesWay, older: undefined, newer: undefined });
  }

  delete(holding: H): void {
    const place = this.#places.get(holding);
    if (place) this.#leave(place);
  }

  /**
   * Whose turn it is to make room: of the environment that holds most the tenant that holds most, and of its holdings the newest; where the
   * tenant is not known, the newest of those that are not small among them, since whoever asks for little may be somebody else.
   */
  heaviest(): H | undefined {
    const environment = most(this.#environments.values());
    const tenant = environment && most(environment.tenants.values());
    if (!tenant) return undefined;
    const small = tenant === environment.tenants.get(undefined) ? tenant.bytes / tenant.count : 0;
    let place = tenant.newest;
    while (place?.older && place.bytes < small) place = place.older;
    return place?.holding;
  }

  #shareOf({ environment, tenant }: Flow): [EnvironmentShare<H>, TenantShare<H>] {
    let whole = this.#environments.get(environment);
    if (!whole) {
      whole = { bytes: 0, yielding: 0, tenants: new Map() };
      this.#environments.set(environment, whole);
    }
    let part = whole.tenants.get(tenant);
    if (!part) {
      part = { bytes: 0, count: 0, yielding: 0, newest: undefined };
      whole.tenants.set(tenant, part);
    }
    return [whole, part];
  }

  #grow(place: Place<H>, bytes: number): void {
    const [whole, part] = this.#shareOf(place.flow);
    place.bytes += bytes;
    part.bytes += bytes;
    whole.bytes += bytes;
    this.#bytes += bytes;
  }

  #enter(place: Place<H>): void {
    const [whole, part] = this.#shareOf(place.flow);
    const { bytes } = place;
    place.bytes = 0;
    this.#grow(place, bytes);
    this.#places.set(place.holding, place);
    part.count++;
    if (!place.givesWay) return;
    whole.yielding++;
    part.yielding++;
    place.older = part.newest;
    if (part.newest) part.newest.newer = place;
    part.newest = place;
  }

  #leave(place: Place<H>): void {
    const { environment, tenant } = place.flow;
    const [whole, part] = this.#shareOf(place.flow);
    this.#grow(place, -place.bytes);
    this.#places.delete(place.holding);
    if (place.givesWay) {
      whole.yielding--;
      part.yielding--;
      if (place.newer) place.newer.older = place.older;
      else part.newest = place.older;
      if (place.older) place.older.newer = place.newer;
    }
    if (--part.count > 0) return;
    whole.tenants.delete(tenant);
    if (whole.tenants.size === 0) this.#environments.delete(environment);
  }
}

/** Of those that have something to give up. */
function most<S extends { readonly bytes: number; readonly yielding: number }>(shares: Iterable<S>): S | undefined {
  let found: S | undefined;
  for (const share of shares) if (share.yielding > 0 && (!found || share.bytes > found.bytes)) found = share;
  return found;
}
