/** The exchange between neighbouring invocations, tried on whatever adapter is there. */
import { describe, expect, it } from 'vitest';
import { openTestGpu } from '../testing/run-plan.ts';
import { subgroupWidth } from './subgroups.ts';

const gpu = await openTestGpu();

describe.skipIf(!gpu?.features.includes('subgroups'))('neighbours in a subgroup', () => {
  it('are as many as the adapter promises at least, and known of a device', async () => {
    const { device, subgroup } = gpu!;
    expect(Math.log2(subgroup) % 1).toBe(0);
    expect(await subgroupWidth(device, subgroup)).toBe(subgroup);
    expect(await subgroupWidth(device, subgroup + 1)).toBe(subgroup);
    expect(await subgroupWidth(device, 2)).toBe(2);
  });

  it('are none where more are claimed than a subgroup has', async () => {
    const adapter = gpu!.device.adapterInfo as { readonly subgroupMaxSize?: number };
    expect(await subgroupWidth(gpu!.device, 2 * (adapter.subgroupMaxSize ?? 128))).toBe(1);
  });

  it('are none without the feature', async () => {
    const plain = new Proxy(gpu!.device, {
      get: (device, key) => (key === 'features' ? new Set() : Reflect.get(device, key, device)),
    });
    expect(await subgroupWidth(plain, 8)).toBe(1);
  });
});
