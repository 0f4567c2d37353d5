/** Whether a GPU is there, for those who bring their own runtime; nothing is opened. */
import { isSoftware } from './backends/gpu.ts';
import { findGpu } from './choose.ts';

export interface GpuPresence {
  /** An adapter of any kind. */
  readonly adapter: boolean;
  /** One that does not compute on the processor. */
  readonly hardware: boolean;
  /** Why there is none. */
  readonly missing?: string;
}

export async function lookForGpu(): Promise<GpuPresence> {
  const found = await findGpu();
  if ('missing' in found) return { adapter: false, hardware: false, missing: found.missing };
  const hardware = !isSoftware(found.adapter);
  found.access.close();
  return { adapter: true, hardware };
}
