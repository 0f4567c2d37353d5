/**
 * Threads that prepare samples. Bytes are copied in, since whoever read them may keep them; pixel values, many
 * times as large, come out by transfer. With no threads, or where
 * none can be opened (sources that were not built), the work runs here, with the same results.
 */
import { canOpenThread, openThread, type Thread } from '#platform';
import {
  createPrepare,
  type Prepare,
  type PrepareRequest,
  type PrepareResult,
  type PrepareSettings,
} from './prepare.ts';

/** What a thread is asked: first the settings, then samples. */
export type SamplesQuestion = { readonly settings: PrepareSettings } | { readonly request: PrepareRequest };
export type SamplesAnswer = PrepareResult | { readonly ready: true };

/** The thread's side; `workers/samples.worker.ts` serves it. */
export function createSamplesService(): (
  question: SamplesQuestion,
) => Promise<{ value: SamplesAnswer; transfer: ArrayBuffer[] }> {
  let prepare: Prepare | undefined;
  return async (question) => {
    if ('settings' in question) {
      prepare = createPrepare(question.settings);
      return { value: { ready: true }, transfer: [] };
    }
    if (!prepare) throw new Error('The settings come before the first sample');
    const value = await prepare(question.request);
    const transfer = 'sample' in value ? [value.sample.pixelValues.buffer as ArrayBuffer] : [];
    return { value, transfer };
  };
}

/** How many samples one thread has at hand: one is decoded while another is processed. */
const samplesPerThread = 2;

export class SamplePool {
  /** 0: the work runs here. */
  readonly threads: number;
  private readonly members: { readonly thread: Thread<SamplesQuestion, SamplesAnswer>; open: number }[];
  private readonly inline: Prepare;
  private readonly waiting: (() => void)[] = [];
  /** Samples in work at a time. */
  private readonly capacity: number;
  private free: number;
  /** Memory of samples that were stacked; it goes around instead of being collected. */
  private readonly spare: Float32Array[] = [];

  constructor(settings: PrepareSettings, threads: number) {
    // Made here too: settings that are wrong are errors of this thread, with their class and code.
    this.inline = createPrepare(settings);
    this.threads = canOpenThread('samples') ? threads : 0;
    this.members = Array.from({ length: this.threads }, () => ({ thread: openThread('samples'), open: 0 }));
    for (const { thread } of this.members) {
      // A failure shows up in the samples that are asked of this thread.
      thread.ask({ settings }).catch(() => {});
    }
    this.capacity = Math.max(1, this.threads) * samplesPerThread;
    this.free = this.capacity;
  }

  /** Runs `read` and prepares what it gives; waits until there is room, so that memory stays bounded. */
  async prepare(read: () => Promise<PrepareRequest>): Promise<PrepareResult> {
    await this.enter();
    try {
      const asked = await read();
      const request = { ...asked, memory: asked.memory ?? this.spare.pop() };
      const member = this.members.reduce<(typeof this.members)[number] | undefined>(
        (least, next) => (least && least.open <= next.open ? least : next),
        undefined,
      );
      if (!member) return await this.inline(request);
      member.open++;
      try {
        const { memory } = request;
        const question = { request: { ...request, bytes: alone(request.bytes) } };
        const transfer = memory ? [memory.buffer as ArrayBuffer] : [];
        return (await member.thread.ask(question, transfer)) as PrepareResult;
      } finally {
        member.open--;
      }
    } finally {
      this.leave();
    }
  }

  /** Takes back the pixel values of a sample that was stacked. */
  recycle(pixelValues: Float32Array): void {
    if (this.spare.length < this.capacity) this.spare.push(new Float32Array(pixelValues.buffer));
  }

  async dispose(): Promise<void> {
    await Promise.all(this.members.map(({ thread }) => thread.dispose()));
  }

  private enter(): Promise<void> {
    if (this.free > 0) {
      this.free--;
      return Promise.resolve();
    }
    return new Promise((resolve) => this.waiting.push(resolve));
  }

  private leave(): void {
    const next = this.waiting.shift();
    if (next) next();
    else this.free++;
  }
}

/** A message carries the whole buffer behind a view. */
function alone(bytes: Uint8Array): Uint8Array {
  return bytes.byteLength === bytes.buffer.byteLength ? bytes : bytes.slice();
}
