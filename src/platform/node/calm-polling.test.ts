import { promisify } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import { pollCalmly } from './calm-polling.ts';

/** Turns that a poller takes in 100 ms. `native`: as functions of native modules look. */
function turnsIn100ms(native: boolean): Promise<number> {
  const end = performance.now() + 100;
  return new Promise((resolve) => {
    let turns = 0;
    const poll = (): void => {
      turns++;
      if (performance.now() > end) resolve(turns);
      else setImmediate(native ? poll.bind(null) : poll);
    };
    poll();
  });
}

describe('pollCalmly', () => {
  let stop: () => void = () => {};
  afterEach(() => stop());

  it('spaces the turns of native pollers', async () => {
    stop = pollCalmly();
    expect(await turnsIn100ms(true)).toBeLessThan(700);
    // A turn that had something else to do before it is not kept waiting.
    const start = performance.now();
    for (let i = 0; i < 50; i++) {
      const busyUntil = performance.now() + 0.1;
      while (performance.now() < busyUntil);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(performance.now() - start).toBeLessThan(1000);
  });

  it('leaves others alone, and everybody once nobody needs it', async () => {
    const before = globalThis.setImmediate;
    stop = pollCalmly();
    const second = pollCalmly();
    const others = await turnsIn100ms(false);
    const spaced = await turnsIn100ms(true);
    expect(others).toBeGreaterThan(2 * spaced);
    expect(await promisify(setImmediate)('value')).toBe('value');
    second();
    second();
    expect(globalThis.setImmediate).not.toBe(before);
    stop();
    expect(globalThis.setImmediate).toBe(before);
  });
});
