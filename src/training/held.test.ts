import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Checkpoint } from './checkpoint.ts';
import { HeldCheckpoint } from './held.ts';

const checkpoint = { state: { progress: { step: 3 } } } as Checkpoint;
const small = (): number => 1000;

describe('a checkpoint in memory', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it('is taken each minute, unless one was written to disk meanwhile', async () => {
    const held = new HeldCheckpoint();
    expect(held.isDue(small)).toBe(false);
    vi.advanceTimersByTime(60_000);
    expect(held.isDue(small)).toBe(true);
    await held.take(async () => checkpoint);
    expect(held.checkpoint).toBe(checkpoint);
    expect(held.isDue(small)).toBe(false);
    vi.advanceTimersByTime(59_000);
    held.release();
    expect(held.checkpoint).toBeUndefined();
    vi.advanceTimersByTime(1000);
    expect(held.isDue(small)).toBe(false);
  });

  it('costs a fiftieth of the time at most, and no more memory than there is', async () => {
    const held = new HeldCheckpoint();
    await held.take(async () => {
      vi.advanceTimersByTime(10_000);
      return checkpoint;
    });
    vi.advanceTimersByTime(499_000);
    expect(held.isDue(small)).toBe(false);
    vi.advanceTimersByTime(1000);
    expect(held.isDue(small)).toBe(true);
    expect(held.isDue(() => 3e9)).toBe(false);
  });

  it('stays the last one when the device fails while the next is read', async () => {
    const held = new HeldCheckpoint();
    await held.take(async () => checkpoint);
    await expect(held.take(() => Promise.reject(new Error('lost')))).rejects.toThrow('lost');
    expect(held.checkpoint).toBe(checkpoint);
  });
});
