/** Signals of several, while the garbage is collected. */
import { setTimeout } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { anySignal } from './index.ts';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

/** Only its listener holds the signal, as in whoever waits for work with an end. */
const endOf = (signal: AbortSignal): Promise<unknown> =>
  new Promise((resolve) => {
    signal.addEventListener('abort', () => resolve(signal.reason), { once: true });
  });

test('a time limit ends also after the garbage was collected, through another signal too', async () => {
  const ends = Array.from({ length: 20 }, (_, i) => {
    const limited = anySignal([new AbortController().signal, AbortSignal.timeout(150)]);
    return endOf(i % 2 === 0 ? limited : anySignal([limited]));
  });
  for (let i = 0; i < 4; i++) {
    collectGarbage();
    await setTimeout(10);
  }
  for (const reason of await Promise.all(ends)) expect(reason).toMatchObject({ name: 'TimeoutError' });
});

test('the first that is aborted gives the reason', async () => {
  const stop = new AbortController();
  const end = endOf(anySignal([stop.signal, AbortSignal.timeout(60_000)]));
  stop.abort(new Error('enough'));
  await expect(end).resolves.toBe(stop.signal.reason);
  expect(anySignal([stop.signal]).reason).toBe(stop.signal.reason);
});
