/** Who is connected to this process, and how many connections one user or one address may hold. */
export class Presence {
  readonly #limits: { readonly perUser: number; readonly perAddress: number };
  readonly #users = new Map<string, number>();
  readonly #addresses = new Map<string, number>();

  constructor(limits: { perUser: number; perAddress: number }) {
    this.#limits = limits;
  }

  /** False when the address holds as many as it may. */
  arrive = (address: string): boolean => count(this.#addresses, address, this.#limits.perAddress);
  leave = (address: string): void => uncount(this.#addresses, address);
  /** False when the user holds as many as they may. */
  signIn = (user: string): boolean => count(this.#users, user, this.#limits.perUser);
  signOut = (user: string): void => uncount(this.#users, user);
}

function count(counts: Map<string, number>, key: string, most: number): boolean {
  const now = counts.get(key) ?? 0;
  if (now >= most) return false;
  counts.set(key, now + 1);
  return true;
}

function uncount(counts: Map<string, number>, key: string): void {
  const left = (counts.get(key) ?? 1) - 1;
  if (left > 0) counts.set(key, left);
  else counts.delete(key);
}
