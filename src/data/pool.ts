/**
 * Threads that prepare samples. They read local files by themselves and get everything that is wanted ahead at
 * once, so that they go on while this thread is busy with a training step; bytes from elsewhere are read here.
 * Pixel values come back by transfer. With no threads, or where none can be opened (sources that were not
 * built), the work runs here, with the same results.
 */
import { canOpenThread, openThread, type Thread } from '#platform';
import type { ByteSource } from '../storage/index.ts';
import {
  createPrepare,
  type Prepare,
  type PrepareRequest,
  type PrepareResult,
  type PrepareSettings,
} from './prepare.ts';

/** What a thread is asked: first the settings, then samples; `drop` gives up what has not begun. */
export type SamplesQuestion =
  | { readonly settings: PrepareSettings }
  | { readonly request: PrepareRequest }
  | { readonly drop: true };
export type SamplesAnswer = PrepareResult | { readonly ready: true } | { readonly dropped: true };

/** One sample is read and decoded while another is processed. */
const samplesAtATime = 2;
/** Memory that goes around, in bytes: what of a batch is not used again is collected, a few pictures at a time. */
const mostSpare = 64 << 20;
/** Bytes that are read here for threads. */
const readsAtATime = 16;

/** The thread's side; `workers/samples.worker.ts` serves it. */
export function createSamplesService(): (
  question: SamplesQuestion,
) => Promise<{ value: SamplesAnswer; transfer: ArrayBuffer[] }> {
  const lanes = new Lanes(samplesAtATime);
  let prepare: Prepare | undefined;
  let dropped = 0;
  return async (question) => {
    if ('settings' in question) {
      prepare = createPrepare(question.settings);
      return { value: { ready: true }, transfer: [] };
    }
    if ('drop' in question) {
      dropped++;
      return { value: { ready: true }, transfer: [] };
    }
    const work = prepare;
    if (!work) throw new Error('The settings come before the first sample');
    const asked = dropped;
    const value = await lanes.run(async () =>
      dropped > asked ? ({ dropped: true } as const) : work(question.request),
    );
    const transfer = 'sample' in value ? [value.sample.pixelValues.buffer as ArrayBuffer] : [];
    return { value, transfer };
  };
}

interface Member {
  readonly thread: Thread<SamplesQuestion, SamplesAnswer>;
  open: number;
}

export class SamplePool {
  /** 0: the work runs here. */
  readonly threads: number;
  private readonly members: readonly Member[];
  private readonly inline: Prepare;
  private readonly lanes: Lanes;
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
    this.lanes = new Lanes(this.threads > 0 ? readsAtATime : samplesAtATime);
  }

  /** Prepares what `source` holds. */
  async prepare(
    source: ByteSource,
    request: Omit<PrepareRequest, 'picture'>,
    signal: AbortSignal,
  ): Promise<PrepareResult> {
    if (this.threads === 0) {
      return this.lanes.run(async () => {
        signal.throwIfAborted();
        return this.inline({ ...request, picture: await source.read(undefined, signal) });
      });
    }
    const picture =
      source.elsewhere ??
      (await this.lanes.run(() => {
        signal.throwIfAborted();
        return source.read(undefined, signal);
      }));
    signal.throwIfAborted();
    return this.ask({ ...request, picture: picture instanceof Uint8Array ? alone(picture) : picture });
  }

  /** Takes back the pixel values of a sample that was stacked. */
  recycle(pixelValues: Float32Array): void {
    const { byteLength, buffer } = pixelValues;
    if ((this.spare.length + 1) * byteLength <= mostSpare) this.spare.push(new Float32Array(buffer));
  }

  /** Gives up what no thread has begun with; its promises reject. */
  drop(): void {
    for (const { thread } of this.members) thread.ask({ drop: true }).catch(() => {});
  }

  async dispose(): Promise<void> {
    await Promise.all(this.members.map(({ thread }) => thread.dispose()));
  }

  /** The thread with the least to do. */
  private async ask(request: PrepareRequest): Promise<PrepareResult> {
    const member = this.members.reduce((least, next) => (least.open <= next.open ? least : next));
    const memory = request.memory ?? this.spare.pop();
    member.open++;
    try {
      const { picture } = request;
      const transfer = [
        ...(memory ? [memory.buffer as ArrayBuffer] : []),
        ...(picture instanceof Uint8Array ? [picture.buffer as ArrayBuffer] : []),
      ];
      const answer = await member.thread.ask({ request: { ...request, memory } }, transfer);
      if ('sample' in answer || 'bad' in answer) return answer;
      throw new DOMException('The sample is not wanted any more', 'AbortError');
    } finally {
      member.open--;
    }
  }
}

/** Runs at most `count` pieces of work at a time, in the order in which they came. */
class Lanes {
  private readonly waiting: (() => void)[] = [];
  private free: number;

  constructor(readonly count: number) {
    this.free = count;
  }

  async run<Result>(work: () => Promise<Result>): Promise<Result> {
    if (this.free > 0) this.free--;
    else await new Promise<void>((resolve) => this.waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = this.waiting.shift();
      if (next) next();
      else this.free++;
    }
  }
}

/** A message carries the whole buffer behind a view. */
function alone(bytes: Uint8Array): Uint8Array {
  return bytes.byteLength === bytes.buffer.byteLength ? bytes : bytes.slice();
}
