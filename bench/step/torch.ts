/**
 * PyTorch as a contender: `bench/torch_step.py` holds the same network with the same weights and runs a step for
 * every line that it is sent. It counts nothing of WebGPU, so it has times and memory only.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import type { Batch } from '../../src/data/index.ts';
import { writeSafetensors } from '../../src/formats/safetensors/index.ts';
import type { HostArrays } from '../../src/tasks/index.ts';
import { cnnBlocks, type OcelliNetwork, smallShape } from '../networks/ocelli.ts';
import type { NamedWeights } from '../networks/weights.ts';
import type { Contender } from './contender.ts';
import { adamW, learningRate } from './hyperparameters.ts';

export type TorchPrecision = 'f32' | 'autocast';

export const torchName = (device: string, precision: TorchPrecision): string =>
  `PyTorch, ${precision === 'f32' ? 'eager f32' : `autocast ${device === 'cuda' ? 'f16' : 'bf16'}`} (${device})`;

export interface TorchContender extends Contender {
  /** `2.6.0, CUDA 12.4, NVIDIA H200` */
  readonly version: string;
  peakMb(): number | undefined;
}

interface Answer {
  readonly ready?: { readonly device: string; readonly version: string };
  readonly loss?: number;
  readonly peak_mb?: number | null;
  readonly error?: string;
}

/** @param python command of an interpreter that has torch, as `bash scripts/python.sh torch` prints it */
export async function torchContender(
  python: string,
  network: OcelliNetwork,
  weights: NamedWeights,
  batch: Batch,
  targets: HostArrays,
  precision: TorchPrecision,
): Promise<TorchContender> {
  const folder = await mkdtemp(join(tmpdir(), 'ocelli-bench-'));
  const tensors = new Map<string, { shape: readonly number[]; data: Float32Array; dtype: 'F32' }>();
  for (const [name, { shape, data }] of weights.entries())
    tensors.set(`weights.${name}`, { shape, data, dtype: 'F32' });
  tensors.set('pixel_values', { shape: batch.shape, data: batch.pixelValues, dtype: 'F32' });
  for (const [name, { shape, data }] of Object.entries(targets))
    tensors.set(`targets.${name}`, { shape, data: Float32Array.from(data), dtype: 'F32' });
  await writeFile(join(folder, 'inputs.safetensors'), writeSafetensors(tensors));
  const settings = {
    network: network.name,
    config: network.config,
    small_layers: smallShape.layers,
    cnn_strides: cnnBlocks.map(([, stride]) => stride),
    learning_rate: learningRate,
    betas: [adamW.beta1, adamW.beta2],
    epsilon: adamW.epsilon,
    precision,
  };
  await writeFile(join(folder, 'settings.json'), JSON.stringify(settings));
  const [command, ...args] = python.split(' ') as [string, ...string[]];
  const script = resolve('bench/torch_step.py');
  const child = spawn(command, [...args, script, folder], { stdio: ['pipe', 'pipe', 'inherit'] });
  const answers = answersOf(child);
  const dispose = async (): Promise<void> => {
    child.kill();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    const { ready } = await answers();
    if (!ready) throw new Error('torch_step.py did not say that it is ready');
    let peak: number | undefined;
    return {
      name: torchName(ready.device, precision),
      version: ready.version,
      peakMb: () => peak,
      async step() {
        child.stdin.write('step\n');
        const answer = await answers();
        peak = answer.peak_mb ?? undefined;
        return answer.loss!;
      },
      dispose,
    };
  } catch (error) {
    await dispose();
    throw error;
  }
}

/** One JSON object per line of stdout, in order; fails when the process ends or says `error`. */
function answersOf(child: ChildProcess): () => Promise<Answer> {
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
  const failed = new Promise<never>((_, reject) => {
    child.once('error', (error) => reject(new Error(`Python does not start: ${error.message}`)));
  });
  failed.catch(() => {});
  return async () => {
    const line = await Promise.race([lines.next(), failed]);
    if (line.done) throw new Error('torch_step.py ended without an answer');
    const answer = JSON.parse(line.value) as Answer;
    if (answer.error) throw new Error(`torch_step.py: ${answer.error}`);
    return answer;
  };
}
