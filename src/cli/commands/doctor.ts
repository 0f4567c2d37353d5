/** `ocelli doctor`: what this machine offers, what is missing and how to get it, and whether servers answer. */
import { Argument, type Command } from 'commander';
import { decodeImage, encodeImage, files } from '#platform';
import { counted } from '../../core/index.ts';
import type { EngineReport } from '../../engine/index.ts';
import { type CommonOptions, type Context, finish } from '../command.ts';
import { columns, compact, megabytes } from '../format.ts';
import { memoryLines, memoryOf } from '../memory.ts';
import { packageInfo } from '../package-info.ts';
import { loadRecipe } from '../recipe-file.ts';
import { checkServers, type Reachability } from '../servers.ts';

export function addDoctor(program: Command): void {
  const command = program
    .command('doctor')
    .description('say what this machine offers, what is missing, and whether servers answer')
    .addArgument(
      new Argument(
        '[recipe]',
        'also check the places and servers that this recipe names, and the memory that it takes',
      ),
    )
    .argument('[overrides...]', 'key=value pairs that win over the recipe (data.batch_size=64)');
  finish(
    command,
    [
      { line: 'ocelli doctor', does: 'adapter, features, limits, speeds' },
      {
        line: 'ocelli doctor recipe.yaml',
        does: "the recipe's data, checkpoint and MLflow server too, and its memory",
      },
      {
        line: 'ocelli doctor recipe.yaml model.image_size=512',
        does: 'whether it would fit with larger pictures',
      },
      { line: 'ocelli doctor --device webgpu', does: 'exit code 4 when there is no WebGPU adapter' },
      { line: 'ocelli doctor --json', does: 'the same for a program' },
    ],
    runDoctor,
  );
}

interface PackageState {
  readonly name: string;
  readonly use: string;
  readonly error?: string;
  /** What to do about the error. */
  readonly fix?: string;
}

async function runDoctor(context: Context, _options: CommonOptions, ...args: never[]): Promise<undefined> {
  const [recipeName, overrides] = args as unknown as [string | undefined, string[]];
  const { output } = context;
  const recipe = recipeName === undefined ? undefined : (await loadRecipe(recipeName, overrides)).recipe;
  output.say('Measuring …');
  const packages = await Promise.all(nativePackages.map(tryPackage));
  const decodeSpeed = packages.some(({ name, error }) => name === 'sharp' && error !== undefined)
    ? undefined
    : await measureDecoding();
  const { openDevice, probeEngine } = await import('../../engine/index.ts');
  const engine = await probeEngine();
  const servers = await checkServers(recipe, context.signal);
  const memory = recipe && (await memoryOf(recipe, context));
  const freeBytes = await files.freeBytes('.');
  const { version } = packageInfo();
  const node = process.versions.node;
  output.json({
    type: 'doctor',
    version,
    node,
    engine,
    decode_images_per_second: decodeSpeed,
    free_bytes: freeBytes,
    packages,
    servers,
    memory,
  });
  if (!output.options.json) {
    const lines = [
      ...machineLines(engine, version, node, freeBytes),
      ...adapterLines(engine),
      ...speedLines(engine, decodeSpeed),
      ...packageLines(packages),
      ...serverLines(servers),
      ...(memory ? memoryLines(memory) : []),
    ];
    for (const line of lines) output.result(line);
  }
  if (context.device === 'auto') return;
  // The one that was asked for must open: a DeviceError says what to install.
  const device = await openDevice(context.device);
  const description = device.description;
  await device.dispose();

  output.say(`--device ${context.device} works: ${description}`);
  return;
}

function machineLines(engine: EngineReport, version: string, node: string, freeBytes: number): string[] {
  return columns([
    ['ocelli', version],
    ['node', node],
    ['system', engine.system],
    ['processor', `${engine.processor}, ${counted(engine.cores, 'core')}`],
    ['free disk here', megabytes(freeBytes)],
  ]);
}

function adapterLines(engine: EngineReport): string[] {
  const { adapter, missing, chosen } = engine;
  const lines = ['', 'Device'];
  if (adapter) {
    const yes = (value: boolean): string => (value ? 'yes' : 'no');
    lines.push(
      ...columns([
        ['  adapter', `${adapter.name} (${adapter.provider}${adapter.software ? ', software' : ''})`],
        ['  f16', yes(adapter.f16)],
        ['  subgroups', yes(adapter.subgroups)],
        ['  subgroup matrix', adapter.subgroupMatrix.join('; ') || 'no'],
        ['  timestamps', yes(adapter.timestamps)],
        ...Object.entries(adapter.limits).map(([name, value]) => [`  ${name}`, limitText(name, value)]),
      ]),
    );
  }
  if (missing) lines.push(`  no WebGPU adapter: ${missing.reason}`, `  to get one: ${missing.advice}`);
  lines.push(`  --device auto takes ${chosen.description}: ${chosen.reason}`);
  return lines;
}

function limitText(name: string, value: number): string {
  return /Size$/.test(name) ? megabytes(value) : String(value);
}

function speedLines(engine: EngineReport, decodeSpeed: number | undefined): string[] {
  const rows = engine.speeds.map(({ backend, gflops, error }) => [
    `  ${backend}`,
    gflops === undefined
      ? `does not work: ${error ?? 'no reason given'}`
      : `${compact(gflops)} GFLOP/s, matrix product f32`,
  ]);
  if (decodeSpeed !== undefined) {
    rows.push(['  decoding', `${compact(decodeSpeed)} images/s of 640 × 480 JPEG on one core`]);
  }
  return ['', 'Speed', ...columns(rows)];
}

interface NativePackage {
  readonly name: string;
  readonly use: string;
  /** How to get it, where `npm install` alone is not enough. */
  readonly install?: string;
  load(): Promise<unknown>;
}

const nativePackages: readonly NativePackage[] = [
  { name: 'webgpu', use: 'WebGPU (Dawn)', load: () => import('webgpu') },
  { name: 'sharp', use: 'decoding pictures', load: () => import('sharp') },
  {
    name: 'onnxruntime-node',
    use: 'predictions (without it: WebAssembly, slower)',
    // Its install script fetches CUDA libraries, which we don't use, and fails where it can't.
    install: 'ONNXRUNTIME_NODE_INSTALL=skip npm install onnxruntime-node',
    load: () => import('onnxruntime-node'),
  },
  { name: '@napi-rs/canvas', use: 'drawing', load: () => import('@napi-rs/canvas') },
];

async function tryPackage({ name, use, install, load }: NativePackage): Promise<PackageState> {
  try {
    await load();
    return { name, use };
  } catch (cause) {
    const error = (cause instanceof Error ? cause.message : String(cause)).split('\n')[0]!;
    return { name, use, error, fix: install ?? `npm install ${name} --include=optional` };
  }
}

function packageLines(packages: readonly PackageState[]): string[] {
  return [
    '',
    'Native packages',
    ...columns(
      packages.map(({ name, use, error, fix }) => [
        `  ${name}`,
        use,
        error === undefined ? 'works' : `does not load (${error}); ${fix}`,
      ]),
    ),
  ];
}

function serverLines(servers: readonly Reachability[]): string[] {
  if (servers.length === 0) return [];
  return [
    '',
    'Places and servers',
    ...columns(servers.map(({ name, place, answer }) => [`  ${name}`, place, answer])),
  ];
}

/** Images per second that one core decodes: a smooth picture of 640 × 480 as a JPEG, for half a second. */
async function measureDecoding(): Promise<number> {
  const [height, width] = [480, 640];
  const data = Uint8Array.from({ length: height * width * 3 }, (_, i) => {
    const pixel = Math.floor(i / 3);
    return 128 + 127 * Math.sin((pixel % width) / 9 + (i % 3)) * Math.cos(pixel / width / 13);
  });
  const bytes = await encodeImage({ height, width, data }, 'jpeg');
  await decodeImage(bytes);
  const start = performance.now();
  let count = 0;
  while (performance.now() - start < 500) {
    await decodeImage(bytes);
    count++;
  }
  return (1000 * count) / (performance.now() - start);
}
