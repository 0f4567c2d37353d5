/**
 * Devices: the one that was asked for or an error that helps, failures that surface instead of hanging, memory
 * that stays flat. What needs an adapter runs where there is one and says so where there is none.
 */
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { DeviceError } from '../core/index.ts';
import type { BackendName } from './backends/backend.ts';
import { findGpu } from './choose.ts';
import { type Device, openDevice } from './device.ts';
import { probeEngine } from './doctor.ts';
import * as ops from './ops/index.ts';
import { Tape } from './tape.ts';
import * as tf from './tf.ts';

const gpu = await findGpu();
const noAdapter = 'missing' in gpu;
if ('access' in gpu) gpu.access.close();
else console.warn(`NOT RUN on webgpu: ${gpu.missing}`);
const backends: readonly BackendName[] = noAdapter ? ['cpu', 'wasm'] : ['cpu', 'wasm', 'webgpu'];

let cacheFolder: string;
beforeAll(async () => {
  cacheFolder = await mkdtemp(join(tmpdir(), 'ocelli-device-'));
  process.env.XDG_CACHE_HOME = cacheFolder;
});
afterAll(async () => {
  delete process.env.XDG_CACHE_HOME;
  await rm(cacheFolder, { recursive: true });
});

let device: Device | undefined;
afterEach(async () => {
  await device?.dispose();
  device = undefined;
});

async function errorOf(work: Promise<unknown>): Promise<DeviceError> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(DeviceError);
  return error as DeviceError;
}

describe.each(backends)('%s', (backend) => {
  it('opens, computes, and can be opened again', async () => {
    for (let round = 0; round < 2; round++) {
      device = await openDevice(backend);
      expect(device.backend).toBe(backend);
      expect(tf.getBackend()).toBe(backend);
      const sum = tf.tidy(() => tf.sum(tf.matMul(tf.ones([20, 30]), tf.ones([30, 5]))));
      expect([...(await device.read(sum))]).toEqual([3000]);
      await device.synchronize();
      device.check();
      sum.dispose();
      await device.dispose();
    }
  });

  it('keeps memory flat over 50 differentiated steps', async () => {
    device = await openDevice(backend);
    const image = tf.randomNormal([2, 9, 9, 3], 0, 1, 'float32', 1);
    const filter = tf.randomNormal([4, 3, 3, 3], 0, 1, 'float32', 2);
    const weight = tf.randomNormal([5, 4], 0, 1, 'float32', 3);
    const norm = [tf.ones([4]), tf.zeros([4])] as const;
    const seed = tf.scalar(3, 'int32');
    const step = async (): Promise<void> => {
      const tape = new Tape();
      const convolved = ops.gelu(ops.conv2d(image, filter, { stride: 2, padding: 1 }));
      const tokens = tf.reshape(ops.layerNorm(convolved, norm[0], norm[1], 1e-5), [2, 1, 25, 4]);
      const mixed = ops.dropout(ops.attention(tokens, tokens, tokens), 0.1, seed, 1);
      const logits = ops.linear(tf.mean(mixed, [1, 2]), weight);
      const loss = ops.softmaxCrossEntropy(logits, tf.tensor1d([1, 4], 'int32'));
      const gradients = tape.gradients(loss, [filter, weight]);
      await device!.read(loss);
      tape.dispose();
      expect(gradients).toHaveLength(2);
    };
    await step();
    await step();
    const before = device.memory();
    for (let i = 0; i < 50; i++) await step();
    const after = device.memory();
    expect(after.tensors).toBe(before.tensors);
    expect(after.bytes).toBe(before.bytes);
    tf.dispose([image, filter, weight, ...norm, seed]);
  });

  it.skipIf(backend === 'cpu')('says what to do when a tensor does not fit', async () => {
    device = await openDevice(backend);
    // 4.7 GB in one tensor, made on the device where it has memory of its own.
    const error = await errorOf(
      device.guard((async () => tf.tidy(() => tf.tile(tf.ones([1, 1024]), [1_150_000, 1])).data())()),
    );
    expect(error.exitCode).toBe(4);
    expect(error.code).toBe('out_of_memory');
    expect(error.message).toContain('batch_size');
    expect(error.message).toContain('accumulate_grad_batches');
  });
});

describe('choosing', () => {
  it('takes the note of an earlier measurement', async () => {
    device = await openDevice('auto');
    const first = device.backend;
    expect(device.reason).not.toBe('');
    await device.dispose();
    if (noAdapter || /a GPU is there|too slow/.test(device.reason)) return;
    const noted = JSON.parse(await readFile(join(cacheFolder, 'ocelli', 'device.json'), 'utf8'));
    expect(noted.milliseconds.wasm).toBeGreaterThan(0);
    device = await openDevice('auto');
    expect(device.backend).toBe(first);
    expect(device.reason).toContain('measured before');
  });

  it('works where no note can be kept', async () => {
    // Below a file nobody can make a folder, whoever runs this.
    process.env.XDG_CACHE_HOME = join(process.cwd(), 'package.json');
    try {
      device = await openDevice('auto');
      expect(['wasm', 'webgpu']).toContain(device.backend);
    } finally {
      process.env.XDG_CACHE_HOME = cacheFolder;
    }
  });

  it('opens one device at a time', async () => {
    device = await openDevice('cpu');
    await expect(openDevice('wasm')).rejects.toThrow(/dispose of it first/);
  });

  it('a heap that was full is not used again: what a failed step left in it would stay', async () => {
    device = await openDevice('wasm');
    // Asked for and never written: pages that nobody touches cost nothing.
    const ask = (mebibytes: number): unknown =>
      (tf.backend() as unknown as { makeOutput(shape: number[], dtype: string): unknown }).makeOutput(
        [mebibytes * 2 ** 18],
        'float32',
      );
    const left = tf.ones([4]);
    const fill = (): void => {
      for (let i = 0; i < 4096 / 256; i++) ask(256);
    };
    expect(fill).toThrow(DeviceError);
    expect(fill).toThrow(/heap of WebAssembly can grow/);
    // Room for what XNNPACK asks by itself.
    const { wasm } = tf.backend() as unknown as { wasm: { _malloc(bytes: number): number } };
    expect(wasm._malloc(2 ** 20)).not.toBe(0);
    await device.dispose();

    device = await openDevice('wasm');
    expect(device.memory().bytes).toBeLessThan(2 ** 30);
    ask(2048);
    left.dispose();
    const sum = tf.tidy(() => tf.sum(tf.matMul(tf.ones([200, 300]), tf.ones([300, 50]))));
    expect([...(await device.read(sum))]).toEqual([3_000_000]);
    sum.dispose();
  });

  it.each([256, 192, 96])(
    'what the heap of WebAssembly gives in pieces of %i MiB lies in it',
    async (mebibytes) => {
      // Filled first, so that the one after it is new, whatever ran before.
      for (const bytes of [2 ** 31 - 2 ** 16, mebibytes * 2 ** 20]) {
        device = await openDevice('wasm');
        const { wasm } = tf.backend() as unknown as {
          wasm: { _malloc(bytes: number): number; HEAPU8: Uint8Array };
        };
        expect(() => {
          for (;;) expect((wasm._malloc(bytes) >>> 0) + bytes).toBeLessThanOrEqual(wasm.HEAPU8.length);
        }).toThrow(DeviceError);
        await device.dispose();
      }
    },
  );

  it('without an adapter, webgpu says what to install and auto takes wasm', async () => {
    const run = (choice: string) =>
      runScript(choice, { VK_DRIVER_FILES: '/nowhere.json', VK_ICD_FILENAMES: '/nowhere.json' });
    const forced = await run('webgpu');
    expect(forced.code).toBe(4);
    expect(forced.stderr).toMatch(/Expected a WebGPU adapter.*Fix: .*(driver|vulkan)/i);
    const automatic = await run('auto');
    expect(automatic.stdout).toContain('wasm on WebAssembly');
    expect(automatic.code).toBe(0);
  });

  it('reports the machine', async () => {
    const report = await probeEngine();
    expect(report.cores).toBeGreaterThan(0);
    expect(report.speeds.find(({ backend }) => backend === 'wasm')!.gflops).toBeGreaterThan(0.1);
    expect(report.adapter === undefined).toBe(noAdapter);
    expect(report.missing === undefined).toBe(!noAdapter);
    expect(report.chosen.description).toMatch(/^(wasm|webgpu) on /);
  });
});

describe('the process', () => {
  it.each(backends)('ends by itself after %s', async (backend) => {
    const { code, stdout } = await runScript(backend);
    expect(stdout).toContain(`${backend} on `);
    expect(code).toBe(0);
  });
});

describe.skipIf(noAdapter)('a WebGPU device that fails', () => {
  const gpuDevice = (): GPUDevice => (tf.backend() as unknown as { device: GPUDevice }).device;

  it('ends what waits for it when it is lost', async () => {
    device = await openDevice('webgpu');
    const x = tf.ones([100, 100]);
    gpuDevice().destroy();
    const lost = await device.lost;
    expect(lost.code).toBe('device_lost');
    expect(lost.exitCode).toBe(4);
    expect(() => device!.check()).toThrow(/--resume/);
    const error = await errorOf(device.guard((async () => tf.matMul(x, x).data())()));
    expect(error).toBe(lost);
  });

  it('reports work that it rejected at the next check', async () => {
    device = await openDevice('webgpu');
    gpuDevice().createBuffer({ size: 1e13, usage: GPUBufferUsage.STORAGE });
    await device.lost;
    expect(() => device!.check()).toThrow(DeviceError);
  });
});

/** Runs `testing/open-and-close.ts` in a process of its own. */
function runScript(
  choice: string,
  environment: Record<string, string> = {},
): Promise<{ code: number | null; stdout: string; stderr: string }> {
  return new Promise((resolve) => {
    const child = spawn(
      process.execPath,
      ['scripts/run.mjs', 'src/engine/testing/open-and-close.ts', choice],
      { env: { ...process.env, ...environment }, timeout: 50_000 },
    );
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (chunk: Buffer) => {
      stdout += chunk.toString();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      stderr += chunk.toString();
    });
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
}
