/**
 * Which backend to take. A GPU wins without asking. Where there is none, WebAssembly and a software adapter are
 * timed on a small mixture of training work, at most a second together, and the faster one is remembered for
 * this machine.
 */
import { type GpuAccess, machineNotes, openGpu, readMachine } from '#platform';
import { DeviceError } from '../core/index.ts';
import type { DeviceChoice, OpenBackend } from './backends/backend.ts';
import { openCpu } from './backends/cpu.ts';
import { adapterName, findAdapter, isSoftware } from './backends/gpu.ts';
import { openWasm } from './backends/wasm.ts';
import { openWebgpu } from './backends/webgpu.ts';
import { timeTrainingWork } from './probe.ts';

export interface Choice {
  readonly opened: OpenBackend;
  readonly reason: string;
}

export async function chooseBackend(choice: DeviceChoice, remember: boolean): Promise<Choice> {
  if (choice === 'cpu') return { opened: await openCpu(), reason: 'asked for' };
  if (choice === 'wasm') return { opened: await openWasm(), reason: 'asked for' };
  const found = await findGpu();
  if (choice === 'webgpu') {
    if ('missing' in found) throw await noAdapter(found.missing);
    return { opened: await openWebgpu(found.access, found.adapter), reason: 'asked for' };
  }
  if (choice !== 'auto')
    throw new DeviceError({
      code: 'unknown_device',
      expected: 'a device that is auto, webgpu, wasm or cpu',
      received: String(choice),
      fix: 'choose one of them with --device',
    });
  if ('missing' in found) return { opened: await openWasm(), reason: `no WebGPU adapter: ${found.missing}` };
  if (!isSoftware(found.adapter))
    return { opened: await openWebgpu(found.access, found.adapter), reason: 'a GPU is there' };
  return chooseWithoutGpu(found.access, found.adapter, remember);
}

type FoundGpu = { readonly access: GpuAccess; readonly adapter: GPUAdapter } | { readonly missing: string };

export async function findGpu(): Promise<FoundGpu> {
  const result = await openGpu();
  if ('missing' in result) return result;
  const adapter = await findAdapter(result.access);
  if (adapter) return { access: result.access, adapter };
  result.access.close();
  return { missing: `${result.access.provider} finds no adapter` };
}

async function noAdapter(missing: string): Promise<DeviceError> {
  const { gpuAdvice } = await readMachine();
  return new DeviceError({
    code: 'no_adapter',
    expected: 'a WebGPU adapter, because webgpu was asked for',
    received: missing,
    fix: `${gpuAdvice}; or use --device auto`,
  });
}

/** Milliseconds that the measurement may take. */
const probeBudget = 700;

interface Measurement {
  readonly key: string;
  readonly milliseconds: { readonly wasm: number; readonly webgpu: number };
}

async function chooseWithoutGpu(access: GpuAccess, adapter: GPUAdapter, remember: boolean): Promise<Choice> {
  const machine = await readMachine();
  const key = [adapterName(adapter), machine.processor, machine.cores, machine.versions].join(' | ');
  const noted = remember ? asMeasurement(await machineNotes.read('device'), key) : undefined;
  if (noted) {
    const webgpuWins = noted.milliseconds.webgpu < noted.milliseconds.wasm;
    if (!webgpuWins) access.close();
    const opened = webgpuWins ? await openWebgpu(access, adapter) : await openWasm();
    return { opened, reason: explain(noted, 'measured before') };
  }
  const begin = performance.now();
  const wasm = await openWasm();
  const wasmTime = (await timeTrainingWork(probeBudget / 5)) ?? probeBudget;
  wasm.close();
  const webgpu = await openWebgpu(access, adapter);
  const webgpuTime = await timeTrainingWork(probeBudget - (performance.now() - begin));
  if (webgpuTime === undefined) {
    // Not remembered: the driver keeps what it compiled, so the next measurement may get further.
    webgpu.close();
    return { opened: await openWasm(), reason: 'no GPU; the software adapter was too slow to measure' };
  }
  const measurement: Measurement = { key, milliseconds: { wasm: wasmTime, webgpu: webgpuTime } };
  if (remember) await machineNotes.write('device', measurement);
  const reason = explain(measurement, 'measured now');
  if (webgpuTime < wasmTime) return { opened: webgpu, reason };
  webgpu.close();
  return { opened: await openWasm(), reason };
}

function explain({ milliseconds: { wasm, webgpu } }: Measurement, when: string): string {
  const ratio = (Math.max(wasm, webgpu) / Math.min(wasm, webgpu)).toFixed(1);
  const [faster, slower] =
    webgpu < wasm ? ['the software adapter', 'wasm'] : ['wasm', 'the software adapter'];
  return `no GPU; ${faster} is ${ratio} times as fast as ${slower} here (${when})`;
}

function asMeasurement(value: unknown, key: string): Measurement | undefined {
  const noted = value as Partial<Measurement> | undefined;
  const valid =
    noted?.key === key &&
    typeof noted.milliseconds?.wasm === 'number' &&
    typeof noted.milliseconds.webgpu === 'number';
  return valid ? (noted as Measurement) : undefined;
}
