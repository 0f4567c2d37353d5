/**
 * Failures that a device reports on its own, long after the call that caused them: lost, out of memory, work that
 * it rejects. The first one is kept; whoever waits for the device at that moment is told at once instead of
 * waiting for ever. Waiting leaves nothing behind: a long run asks ten thousand times.
 */
import type { DeviceError } from '../../core/index.ts';
import { asDeviceError } from '../device-errors.ts';

/** Names of errors with which work of a device that is gone ends. */
const symptoms = new Set(['AbortError', 'OperationError', 'InvalidStateError', 'GPUPipelineError']);
/** Milliseconds until the cause has come. */
const patience = 300;

export class Failures {
  /** Resolves with the first failure; never rejects. */
  readonly failed: Promise<DeviceError>;
  private first: DeviceError | undefined;
  private readonly waiting = new Set<(error: DeviceError) => void>();

  constructor() {
    this.failed = new Promise((resolve) => this.waiting.add(resolve));
  }

  get failure(): DeviceError | undefined {
    return this.first;
  }

  report(error: DeviceError): void {
    if (this.first) return;
    this.first = error;
    for (const tell of this.waiting) tell(error);
    this.waiting.clear();
  }

  /** Throws the failure, if there was one. */
  check(): void {
    if (this.first) throw this.first;
  }

  /**
   * The failure behind an error of device work, if there is one. Chromium rejects pending work shortly before it
   * says that the device is lost.
   */
  async soon(error: unknown): Promise<DeviceError | undefined> {
    if (this.first) return this.first;
    const symptom = error instanceof Error && symptoms.has(error.name);
    if (!symptom) return undefined;
    let tell: (error?: DeviceError) => void = () => {};
    const told = new Promise<DeviceError | undefined>((resolve) => {
      tell = resolve;
    });
    this.waiting.add(tell);
    const timer = setTimeout(tell, patience);
    try {
      return await told;
    } finally {
      clearTimeout(timer);
      this.waiting.delete(tell);
    }
  }

  /** Awaits work of the device, but not longer than the device lives. What it throws comes as DeviceError. */
  async guard<T>(work: Promise<T>): Promise<T> {
    // Whatever becomes of it, its rejection is not one that nobody saw.
    work.catch(() => {});
    this.check();
    let tell: (error: DeviceError) => void = () => {};
    const failed = new Promise<never>((_, reject) => {
      tell = reject;
      this.waiting.add(tell);
    });
    try {
      const result = await Promise.race([work, failed]);
      this.check();
      return result;
    } catch (error) {
      // What a lost device makes of pending work is a symptom; the cause is more use.
      throw (await this.soon(error)) ?? asDeviceError(error);
    } finally {
      this.waiting.delete(tell);
    }
  }
}
