/** Arithmetic that each backend reaches in a square matrix product, f32, best of a few. */
import { probeEngine } from '../../engine/index.ts';
import type { BenchContext } from './rows.ts';

export async function benchDevice({ row, device }: BenchContext): Promise<void> {
  const { speeds } = await probeEngine();
  for (const { backend, gflops } of speeds) {
    if (gflops === undefined || (device !== 'auto' && device !== backend)) continue;
    row({ case: `device/${backend}`, metric: 'gflops', value: gflops, unit: 'GFLOP/s' });
  }
}
