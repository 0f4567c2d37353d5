/**
 * The newest checkpoint, held in the memory of the host. Checkpoints on disk follow evaluations, which may be an
 * hour apart; a device that is lost in between must not take that hour with it. Only weights that are small beside
 * the host's memory are held, and reading them back takes at most a fiftieth of the time.
 */
import type { Checkpoint } from './checkpoint.ts';

/** Milliseconds between two checkpoints that are held. */
const usualInterval = 60_000;
export const mostHeldBytes = 2e9;
const shareOfTime = 0.02;

export class HeldCheckpoint {
  /** The newest; undefined where none was taken since the last one was written to disk. */
  checkpoint: Checkpoint | undefined;
  private since = performance.now();
  private cost = 0;

  constructor(private readonly interval = usualInterval) {}

  /** Whether one is to be taken now, of so many bytes. */
  isDue(bytes: () => number): boolean {
    const wait = Math.max(this.interval, this.cost / shareOfTime);
    return performance.now() - this.since >= wait && bytes() <= mostHeldBytes;
  }

  /** Takes one; the last one stays until it is whole. */
  async take(read: () => Promise<Checkpoint>): Promise<void> {
    const start = performance.now();
    this.checkpoint = await read();
    this.since = performance.now();
    this.cost = this.since - start;
  }

  /** One was written to disk, which is as new. */
  release(): void {
    this.checkpoint = undefined;
    this.since = performance.now();
  }
}
