/**
 * Random numbers that a resumed run repeats.
 *
 * Nothing in a run keeps generator state: every consumer derives its own generator from the run's seed and the
 * names of what it is for (`derive(seed, 'augment', epoch, index)`), so a checkpoint stores counters, not
 * states, and samples may be prepared in any order and on any thread. The generator is sfc32 (Chris
 * Doty-Humphrey, PractRand), seeded through splitmix32; labels are hashed with FNV-1a.
 */

export interface Random {
  /** A float in [0, 1) with 32 random bits. */
  next(): number;
  /** A float in [low, high). */
  uniform(low: number, high: number): number;
  /** An integer in [0, bound). */
  integer(bound: number): number;
  /** A sample of the standard normal distribution (Box–Muller). */
  normal(): number;
  /** 32 random bits as an unsigned integer. */
  bits(): number;
}

/** A generator for one purpose: the same seed and labels give the same numbers, on every machine. */
export function derive(seed: number, ...labels: readonly (string | number)[]): Random {
  let hash = (0x811c9dc5 ^ (seed >>> 0)) >>> 0;
  // Seeds above 32 bits must not collide with their low half.
  const text = [Math.floor(seed / 2 ** 32), ...labels].join('\u0000');
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193) >>> 0;
  return sfc32(hash);
}

function sfc32(seed: number): Random {
  let mix = seed >>> 0;
  const splitmix = (): number => {
    mix = (mix + 0x9e3779b9) | 0;
    let z = mix ^ (mix >>> 16);
    z = Math.imul(z, 0x21f0aaad);
    z ^= z >>> 15;
    z = Math.imul(z, 0x735a2d97);
    return (z ^ (z >>> 15)) | 0;
  };
  let a = splitmix();
  let b = splitmix();
  let c = splitmix();
  let counter = 1;
  const bits = (): number => {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (c << 21) | (c >>> 11);
    c = (c + sum) | 0;
    return sum >>> 0;
  };
  for (let i = 0; i < 12; i++) bits();
  const next = (): number => bits() / 2 ** 32;
  return {
    bits,
    next,
    uniform: (low, high) => low + (high - low) * next(),
    integer: (bound) => Math.floor(next() * bound),
    normal: () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next()),
  };
}

/** A permutation of 0 … length − 1 (Fisher–Yates). */
export function permutation(length: number, random: Random): Uint32Array {
  const order = Uint32Array.from({ length }, (_, i) => i);
  for (let i = length - 1; i > 0; i--) {
    const j = random.integer(i + 1);
    const kept = order[i]!;
    order[i] = order[j]!;
    order[j] = kept;
  }
  return order;
}
