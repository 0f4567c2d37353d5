/** Temporary access: fetched once for everybody, renewed by time and when a server refuses it. */
import { expect, test } from 'vitest';
import { ServerClock } from './clock.ts';
import { Renewable } from './grant.ts';

function counted(life: number | undefined) {
  const clock = { now: 1_000_000 };
  let count = 0;
  const renewable = new Renewable(
    async () => {
      count++;
      return { access: { key: count }, expires: life === undefined ? undefined : clock.now + life };
    },
    () => clock.now,
  );
  const key = async () => (await renewable.get()).access.key;
  const refused = (used: number, expired: boolean) =>
    renewable.refused(({ key: is }) => is === used, expired);
  return { clock, key, refused };
}

test('is fetched once for all who ask together, and kept until shortly before its end', async () => {
  const { clock, key } = counted(3600_000);
  expect(await Promise.all([key(), key(), key()])).toEqual([1, 1, 1]);
  clock.now += 3600_000 - 301_000;
  expect(await key()).toBe(1);
  clock.now += 2000;
  expect(await key()).toBe(2);
});

test('without an end it is renewed after half an hour', async () => {
  const { clock, key } = counted(undefined);
  await key();
  clock.now += 24 * 60_000;
  expect(await key()).toBe(1);
  clock.now += 6 * 60_000;
  expect(await key()).toBe(2);
});

test('an expired one is renewed at once, a refused one when it is older than some seconds', async () => {
  const { clock, key, refused } = counted(3600_000);
  await key();
  expect(refused(1, false)).toBe(false);
  expect(await key()).toBe(1);
  expect(refused(1, true)).toBe(true);
  expect(await key()).toBe(2);
  // Somebody who still had the first one only has to ask again.
  expect(refused(1, false)).toBe(true);
  expect(await key()).toBe(2);
  clock.now += 6000;
  expect(refused(2, false)).toBe(true);
  expect(await key()).toBe(3);
});

test('a failure is told to all who wait, and the next one asks again', async () => {
  let count = 0;
  const renewable = new Renewable(async () => {
    if (count++ === 0) throw new Error('away');
    return { access: {} };
  });
  const both = await Promise.allSettled([renewable.get(), renewable.get()]);
  expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  await renewable.get();
  expect(count).toBe(2);
});

test('what never changes is never renewed', async () => {
  const fixed = Renewable.fixed({ key: 1 });
  await fixed.get();
  expect(fixed.refused(() => true, true)).toBe(false);
});

test('the server says what time it is, where the clocks differ by more than a request takes', () => {
  const clock = new ServerClock(() => 1_000_000);
  expect(clock.learn(undefined)).toBe(false);
  expect(clock.learn(1_010_000)).toBe(false);
  expect(clock.now()).toBe(1_000_000);
  expect(clock.learn(5_000_000)).toBe(true);
  expect(clock.now()).toBe(5_000_000);
  expect(clock.learn(5_000_500)).toBe(false);
});
