/**
 * `endurance`: many training steps in one process (10,000, or --steps), as `ocelli train` makes them. Now and then a
 * batch of another size comes, as at the end of an epoch. After a warm-up, bytes of GPU buffers (counted at
 * GPUDevice.createBuffer), tensors and the JavaScript heap after a collection are noted twenty times; what they
 * grew by from the first note to the last is told, and must be nothing for bytes and tensors.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { lookForGpu, openDevice, tf } from '../src/engine/index.ts';
import { GpuMeter } from '../src/engine/profile/index.ts';
import type { BenchCase } from './case.ts';
import { networks, syntheticBatch } from './networks/ocelli.ts';
import { ocelliContender } from './step/ocelli.ts';

const defaultSteps = 10_000;
const notes = 20;
/** A smaller batch in every so many steps, the second of each. */
const otherBatchEvery = 25;

interface Note {
  readonly step: number;
  readonly bytes: number;
  readonly tensors: number;
  readonly heap: number;
}

function collector(): () => void {
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as () => void;
}

export const endurance: BenchCase = {
  name: 'endurance',
  async run(report, { steps = defaultSteps }) {
    const { adapter } = await lookForGpu();
    const device = await openDevice(adapter ? 'webgpu' : 'wasm', { remember: false });
    const meter = adapter ? GpuMeter.attach() : undefined;
    const collect = collector();
    try {
      const network = networks.small;
      const batch = syntheticBatch(network);
      const smaller = syntheticBatch({ ...network, batch: network.batch / 2 });
      const contender = ocelliContender(network, batch, device, { eager: false });
      const seen: Note[] = [];
      const every = Math.max(1, Math.floor(steps / (notes + 1)));
      let loss = 0;
      const start = performance.now();
      for (let step = 1; step <= steps; step++) {
        loss = await contender.step(step % otherBatchEvery === 2 ? smaller : batch);
        if (step % every !== 0 || step < every) continue;
        collect();
        // Objects with finalizers go in a turn of their own.
        await new Promise((resolve) => setTimeout(resolve, 20));
        const bytes = meter?.bytes('').now ?? device.memory().bytes;
        const note = {
          step,
          bytes,
          tensors: tf.memory().numTensors,
          heap: process.memoryUsage().heapUsed,
        };
        seen.push(note);
        report.note(
          `step ${step}: ${bytes} bytes, ${note.tensors} tensors, heap ${(note.heap / 1e6).toFixed(1)} MB, loss ${loss}`,
        );
      }
      const ms = performance.now() - start;
      for (const warning of contender.warnings()) report.note(warning);
      contender.dispose();
      if (!Number.isFinite(loss)) throw new Error(`the loss became ${loss}`);
      if (seen.length < 2)
        throw new Error(`${steps} steps are too few to see growth: ${2 * (notes + 1)} or more`);
      const [first, last] = [seen[0]!, seen.at(-1)!];
      const bytes = last.bytes - first.bytes;
      const tensors = last.tensors - first.tensors;
      const verdict = (grown: number): string[] => [
        `goal flat over ${last.step - first.step} steps: ${grown <= 0 ? 'met' : 'not met'}`,
      ];
      report.ours('steps', steps, 'count');
      report.ours('gpu_bytes_grown', bytes, 'bytes', verdict(bytes));
      report.ours('tensors_grown', tensors, 'count', verdict(tensors));
      report.ours('heap_grown_mb', (last.heap - first.heap) / 1e6, 'MB');
      report.ours('steps_per_second', (1000 * steps) / ms, 'steps/s');
      if (bytes > 0 || tensors > 0) throw new Error('memory grew');
    } finally {
      meter?.dispose();
      await device.dispose();
    }
  },
};
