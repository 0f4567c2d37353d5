/** One side of a `step` row: a network that trains, and how it is measured. */
import type { GpuMeter } from '../../src/engine/profile/index.ts';

export interface Contender {
  /** `TensorFlow.js, eager`; empty for Ocelli itself, whose rows have no peer. */
  readonly name: string;
  /** One training step, from the batch on the host to the loss on the host. */
  step(): Promise<number>;
  dispose(): void | Promise<void>;
}

export interface StepMeasurement {
  readonly loss: number;
  readonly step_ms: number;
  readonly enqueue_ms: number;
  readonly dispatches: number;
  readonly submits: number;
}

/** Runs a step; without a meter (no WebGPU) only its time is known. */
export async function measureStep(
  contender: Contender,
  meter: GpuMeter | undefined,
): Promise<StepMeasurement> {
  if (meter) meter.owner = contender.name;
  const before = meter?.counts();
  const start = performance.now();
  const loss = await contender.step();
  const stepMs = performance.now() - start;
  const counted = before && meter?.since(before);
  return {
    loss,
    step_ms: stepMs,
    enqueue_ms: stepMs - (counted?.waitedMs ?? 0),
    dispatches: counted?.dispatches ?? 0,
    submits: counted?.submits ?? 0,
  };
}
