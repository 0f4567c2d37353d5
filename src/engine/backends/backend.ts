/** What the three backends have in common, as `openDevice` sees them. */
import type { backendNames } from '../op.ts';
import { Failures } from './failures.ts';
import type { Gpu } from './gpu.ts';

export type BackendName = (typeof backendNames)[number];
export type DeviceChoice = 'auto' | BackendName;

/** A TensorFlow.js backend that was started and set, and how to stop it. */
export interface OpenBackend {
  readonly backend: BackendName;
  /** The adapter or the processor: `NVIDIA H200 (Dawn)`, `WebAssembly with SIMD, one thread`. */
  readonly name: string;
  /** True where no GPU is behind it. */
  readonly software: boolean;
  readonly features: readonly string[];
  readonly limits: Readonly<Record<string, number>>;
  /** Bytes that the backend holds on the device now, free buffers included. */
  allocatedBytes(): number;
  /** What the device reports on its own: lost, out of memory, invalid work. */
  readonly failures: Failures;
  /** The WebGPU device, where it is one. */
  readonly gpu?: Gpu;
  /** Waits until all submitted work is done. */
  synchronize(): Promise<void>;
  /** Gives back memory that is kept for reuse. */
  trim(): void;
  close(): void;
}

/** For backends that run in the process itself and fail by throwing. */
export const neverFails: Pick<OpenBackend, 'failures' | 'synchronize' | 'trim'> = {
  failures: new Failures(),
  synchronize: async () => {},
  trim: () => {},
};
