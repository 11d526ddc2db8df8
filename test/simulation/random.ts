/** Chance from a seed: the same seed and purpose give the same numbers, and what one purpose draws moves no other. */
export interface Random {
  /** 0 to below 1. */
  next(): number;
  chance(probability: number): boolean;
  /** A whole number, both ends included. */
  between(least: number, most: number): number;
  pick<T>(items: readonly T[]): T;
}

/** sfc32 (Chris Doty-Humphrey, PractRand): small, fast, 128 bits of state. */
export function randomOf(seed: number, purpose: string): Random {
  let a = seed | 0;
  let b = 0x9e3779b9;
  let c = 0x243f6a88;
  let counter = 1;
  const draw = (): number => {
    const t = (a + b + counter++) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + t) | 0;
    return t >>> 0;
  };
  for (const letter of purpose) c = (Math.imul(c, 31) + letter.charCodeAt(0)) | 0;
  for (let round = 0; round < 15; round++) draw();

  const next = () => draw() / 2 ** 32;
  const between = (least: number, most: number) => least + Math.floor(next() * (most - least + 1));
  return { next, between, chance: (probability) => next() < probability, pick: (items) => items[between(0, items.length - 1)] as never };
}
