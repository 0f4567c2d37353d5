/**
 * Something in a step can't be traced or compiled. The step has changed nothing yet, so it can run kernel by kernel
 * instead.
 */
import { DeviceError } from '../../core/index.ts';

export class NotCompiled extends Error {
  constructor(cause: unknown) {
    super(cause instanceof Error ? cause.message : String(cause), { cause });
    this.name = 'NotCompiled';
  }
}

/** Failures that eager execution would meet as well. */
const fatal = new Set(['out_of_memory', 'device_lost']);

/** Runs `work`; what goes wrong becomes `NotCompiled`, unless the device itself failed. */
export async function compiling<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof DeviceError && fatal.has(error.code)) throw error;
    throw new NotCompiled(error);
  }
}
