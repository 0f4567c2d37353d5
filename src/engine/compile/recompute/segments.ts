/**
 * Where to cut a forward pass whose activations are to be computed again. Between two cuts nothing stays but what
 * crosses a cut; the last segment stays whole, because its gradients come first. Cuts lie where little is alive,
 * which in practice is between the blocks of a network, though nothing here knows of blocks.
 */

/** A value of the forward pass that lies in memory. Times are positions in the sequence of kernels. */
export interface Activation {
  readonly value: number;
  readonly bytes: number;
  /** When it is made. */
  readonly made: number;
  /** When the forward pass reads it last; `made` if it never does. */
  readonly read: number;
  /** Whether gradients read it. */
  readonly stashed: boolean;
}

/**
 * The last times of all segments but the last, ascending, such that the most that is alive while gradients are
 * computed is as little as can be. Empty: nothing is gained. `times`: how many positions there are.
 */
export function chooseCuts(activations: readonly Activation[], times: number): readonly number[] {
  const everything = activations.reduce((sum, { stashed, bytes }) => sum + (stashed ? bytes : 0), 0);
  const ends = [-1, ...bottlenecks(activations, times), times - 1];
  const edges = measure(activations, ends, times);
  let [low, high] = [0, everything];
  let best: readonly number[] = [];
  for (let round = 0; round < 24 && high - low > everything / 4096; round++) {
    const peak = (low + high) / 2;
    const found = cutsBelow(edges, ends, peak);
    if (found) [best, high] = [found, peak];
    else low = peak;
  }
  return best;
}

interface Edge {
  /** Bytes made in the segment that later segments read. */
  readonly crossing: number;
  /** Bytes made in it that only its own gradients read. */
  readonly stash: number;
}

/** Positions after which no more is alive than around them. */
function bottlenecks(activations: readonly Activation[], times: number): number[] {
  const change = new Float64Array(times + 1);
  for (const { made, read, bytes } of activations) {
    if (read <= made) continue;
    change[made]! += bytes;
    change[read]! -= bytes;
  }
  const alive: number[] = [];
  for (let time = 0; time < times; time++) alive.push((alive[time - 1] ?? 0) + change[time]!);
  const found: number[] = [];
  for (let time = 0; time < times - 1; time++) {
    const before = time === 0 ? Number.POSITIVE_INFINITY : alive[time - 1]!;
    if (alive[time]! < before && alive[time]! <= alive[time + 1]!) found.push(time);
  }
  return found;
}

/** For each pair of ends the segment between them: after the first, up to the second. */
function measure(activations: readonly Activation[], ends: readonly number[], times: number): Edge[][] {
  const made: Activation[][] = Array.from({ length: times }, () => []);
  for (const activation of activations) made[activation.made]!.push(activation);
  return ends.map((begin, i) => {
    const readAt = new Map<number, Activation[]>();
    let [crossing, stash, time] = [0, 0, begin + 1];
    return ends.slice(i + 1).map((end) => {
      for (; time <= end; time++) {
        for (const activation of made[time]!) {
          const { read, bytes, stashed } = activation;
          if (read > time) {
            crossing += bytes;
            readAt.set(read, [...(readAt.get(read) ?? []), activation]);
          } else if (stashed) stash += bytes;
        }
        for (const { bytes, stashed } of readAt.get(time) ?? []) {
          crossing -= bytes;
          if (stashed) stash += bytes;
        }
      }
      return { crossing, stash };
    });
  });
}

/** Cuts with which never more than `peak` is alive. */
function cutsBelow(edges: readonly Edge[][], ends: readonly number[], peak: number): number[] | undefined {
  const last = ends.length - 1;
  const kept = ends.map((_, end) => (end === 0 ? 0 : Number.POSITIVE_INFINITY));
  const from: number[] = [];
  for (let begin = 0; begin < last; begin++) {
    if (kept[begin] === Number.POSITIVE_INFINITY) continue;
    edges[begin]!.forEach(({ crossing, stash }, i) => {
      const end = begin + 1 + i;
      const all = kept[begin]! + crossing;
      if (all + stash > peak || all >= kept[end]!) return;
      kept[end] = all;
      from[end] = begin;
    });
  }
  if (kept[last] === Number.POSITIVE_INFINITY) return undefined;
  const cuts: number[] = [];
  for (let end = from[last]!; end > 0; end = from[end]!) cuts.unshift(ends[end]!);
  return cuts;
}
