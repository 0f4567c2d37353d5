/**
 * The tables of one machine: runs the bench case by case, each in a process of its own, and writes
 * `bench/results/<device>.md` with the driver, Dawn's version and the method. `scripts/bench-gpu.sh` calls it.
 *
 *   node scripts/run.mjs bench/gpu.ts [case …] [--torch <command>] [--rounds n] [--peers …] [--out file] [--keep] [--quick]
 *
 * The file is written anew after every case. With --keep, cases that an earlier call measured on this device stay in
 * it (their rows lie in .cache/bench); with --keep and the word `none` the page is only written again.
 */
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { arch, cpus, loadavg, platform, release } from 'node:os';
import { dirname, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { readArguments, wrongUse } from '../scripts/arguments.ts';
import { lookForGpu, openDevice } from '../src/engine/index.ts';
import { measurePeak } from '../src/engine/profile/index.ts';
import type { BenchRow } from './case.ts';
import { resultsPage } from './markdown.ts';
import { networkNames } from './networks/ocelli.ts';

const tool = 'bash scripts/bench-gpu.sh';
const everything = [...networkNames.map((net) => `step/${net}`), 'kernels'];
const help = `Usage: ${tool} [case …] [--rounds n] [--peers list] [--out file] [--keep]

Measures training steps and kernels of Ocelli beside their peers on this machine's WebGPU adapter, and writes
bench/results/<device>.md. Without a case, all of them.

Cases:
${everything.map((name) => `  ${name}`).join('\n')}
  none   measure nothing: with --keep the page is only written again

Options:
  --quick            two rounds of step/small and step/cnn: whether everything works, in some minutes
  --rounds <n>       rounds in which the contenders of step/… take turns (by case, 4 to 12)
  --peers <list>     of step/…: eager, fp16, tfjs, jax; all where left out
  --torch <command>  a Python interpreter that has torch (scripts/bench-gpu.sh finds one; TORCH_PYTHON=none: none)
  --out <file>       another page than bench/results/<device>.md
  --keep             cases that an earlier call measured on this device stay in the page
  --help             this page`;

const { values, positionals } = readArguments(
  tool,
  {
    torch: { type: 'string' },
    rounds: { type: 'string' },
    peers: { type: 'string' },
    out: { type: 'string' },
    keep: { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
  },
  help,
);
const unknown = positionals.filter((word) => word !== 'none' && !everything.includes(word));
if (unknown.length > 0) wrongUse(tool, `cases of ${everything.join(', ')}, none`, unknown.join(', '));
const wanted = positionals.length > 0 ? positionals : values.quick ? ['step/small', 'step/cnn'] : everything;
const cases = wanted.filter((word) => word !== 'none');

/** What is passed on to every case. */
const rounds = values.rounds ?? (values.quick ? '2' : undefined);
const passed = Object.entries({ torch: values.torch, rounds, peers: values.peers }).flatMap(
  ([name, value]) => (value === undefined ? [] : [`--${name}`, value]),
);

async function runCase(name: string): Promise<{ rows: BenchRow[]; notes: string[] }> {
  const rows: BenchRow[] = [];
  const notes: string[] = [];
  console.error(`• ${name}`);
  const child = spawn(
    process.execPath,
    [resolve('scripts/run.mjs'), 'bench/main.ts', name, '--json', ...passed],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  const out = createInterface({ input: child.stdout }).on('line', (line) => {
    if (line.startsWith('{')) rows.push(JSON.parse(line) as BenchRow);
  });
  const err = createInterface({ input: child.stderr }).on('line', (line) => {
    console.error(`  ${line}`);
    // Stack traces and the libraries' own warnings are for those who watch.
    if (line.startsWith(name) || line.startsWith(`${name.split('/')[0]}`)) notes.push(line);
  });
  const ended = (reader: typeof out): Promise<void> =>
    new Promise((done) => reader.once('close', () => done()));
  await Promise.all([ended(out), ended(err), new Promise((done) => child.once('close', done))]);
  return { rows, notes };
}

function version(name: string): string {
  const file = resolve('node_modules', name, 'package.json');
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version;
}

/** `llvmpipe`, `nvidia-h200`. */
const slug = (name: string): string =>
  name
    .split(/[:(]/)[0]!
    .trim()
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '');

const { adapter } = await lookForGpu();
if (!adapter) {
  console.error(
    'Expected a WebGPU adapter. Received: none. Fix: install a Vulkan driver; `ocelli doctor` says what is missing',
  );
  process.exit(4);
}
const device = await openDevice('webgpu', { remember: false });
const { name, software, features, device: gpu } = device.gpu!;
const { vendor, architecture, description } = gpu.adapterInfo;
const peak = await measurePeak(gpu);
await device.dispose();

interface Measured {
  readonly rows: readonly BenchRow[];
  readonly notes: readonly string[];
}
const store = resolve(`.cache/bench/${slug(name)}.json`);
const measured: Record<string, Measured> =
  values.keep && existsSync(store)
    ? (JSON.parse(readFileSync(store, 'utf8')) as Record<string, Measured>)
    : {};
const [cpu] = cpus();
const file = resolve(values.out ?? `bench/results/${slug(name)}.md`);

function page(): string {
  const all = Object.values(measured);
  const rows = all.flatMap((one) => one.rows);
  const notes = all.flatMap((one) => one.notes);
  return resultsPage({
    title: name.split(':')[0]!,
    facts: [
      ['adapter', [name, vendor, architecture].filter(Boolean).join(', ')],
      ...(process.env.OCELLI_DRIVER ? [['driver', process.env.OCELLI_DRIVER] as const] : []),
      ...(description && description !== name ? [['driver says', description] as const] : []),
      ['features', features.join(', ') || 'none'],
      [
        'measured peak',
        `${peak.gflops.toPrecision(3)} GFLOP/s (f32 multiply-add), ${peak.gigabytesPerSecond.toPrecision(3)} GB/s (copy)`,
      ],
      ['processor', `${cpu?.model.trim()}, ${cpus().length} threads, ${platform()} ${release()} ${arch()}`],
      ['Node', `${process.version}, Dawn from npm webgpu ${version('webgpu')}`],
      ['peers', `TensorFlow.js ${version('@tensorflow/tfjs-core')}, jax-js ${version('@jax-js/jax')}`],
      [
        'measured',
        `${new Date().toISOString().slice(0, 10)}, load ${loadavg()[0]!.toFixed(1)} on ${cpus().length} threads`,
      ],
    ],
    method: [
      'One training step (forward, loss, gradients, AdamW, running statistics) of the same network from the same ' +
        'weights on the same batch; a contender whose losses differ has no numbers. Each contender has a device of ' +
        'its own on this adapter; they take turns in one process, and medians are told. `compile_ms` is the first ' +
        "step, cold, without the driver's cache on disk; `enqueue_ms` is the part of a step in which JavaScript " +
        'works; `gpu_mb` is the most bytes of buffers at a time (10⁶). PyTorch is a process beside it; its memory is ' +
        "what its allocator held at most. Kernels: GPU timestamps, TensorFlow.js' kernels or their composition in the " +
        'same run. The heads of `bench/step/index.ts` and `bench/kernels/index.ts` have the details.',
      ...(software
        ? [
            'This adapter computes on the processor. Its times compare with each other only, and say little about a ' +
              'GPU: shaders with barriers and long code take seconds to compile here. Counts, bytes and the time of ' +
              'JavaScript carry over.',
          ]
        : []),
    ],
    rows,
    notes: notes.filter((line) => !/: webgpu on |: first loss |compiles \(a minute/.test(line)),
  });
}

for (const folder of [dirname(file), dirname(store)]) mkdirSync(folder, { recursive: true });
for (const one of cases) {
  measured[one] = await runCase(one);
  writeFileSync(store, JSON.stringify(measured));
  writeFileSync(file, page());
}
writeFileSync(file, page());
console.error(`Wrote ${file}`);
