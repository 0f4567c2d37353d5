import { describe, expect, it } from 'vitest';
import { deviceLost } from '../device-errors.ts';
import { Failures } from './failures.ts';

const abort = (): Error => Object.assign(new Error('mapAsync failed'), { name: 'AbortError' });

describe('Failures', () => {
  it('ends what waits when the device fails, and what begins afterwards', async () => {
    const failures = new Failures();
    const waiting = failures.guard(new Promise(() => {}));
    const lost = deviceLost('unplugged');
    failures.report(lost);
    failures.report(deviceLost('again'));
    await expect(waiting).rejects.toBe(lost);
    await expect(failures.guard(Promise.resolve(1))).rejects.toBe(lost);
    await expect(failures.failed).resolves.toBe(lost);
    expect(() => failures.check()).toThrow(lost);
  });

  it('gives the cause of pending work that is rejected before the device says that it is lost', async () => {
    const failures = new Failures();
    const lost = deviceLost('unplugged');
    setTimeout(() => failures.report(lost), 20);
    await expect(failures.guard(Promise.reject(abort()))).rejects.toBe(lost);
  });

  it('lets other errors through as they are', async () => {
    const failures = new Failures();
    const aborted = abort();
    await expect(failures.guard(Promise.reject(aborted))).rejects.toBe(aborted);
    const other = new TypeError('no such thing');
    await expect(failures.guard(Promise.reject(other))).rejects.toBe(other);
    await expect(failures.guard(Promise.reject(new Error('out of memory')))).rejects.toThrow('batch_size');
    expect(failures.failure).toBeUndefined();
  });
});
