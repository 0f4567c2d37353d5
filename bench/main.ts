/**
 * The bench runner: measures Ocelli beside its peers.
 *
 *   npm run bench -- [case …] [--json]
 *
 * A case is a file of this folder and a row in the table below; `step` stands for every `step/…`. Prints one row
 * per line; with --json each is an object {"case","metric","value","unit","peer","ratio"} and people's text goes
 * to stderr. A case that fails is said and makes the exit code 1; the others still run.
 */
import { readArguments, wrongUse } from '../scripts/arguments.ts';
import { type BenchCase, type BenchOptions, BenchReport, type BenchRow } from './case.ts';

const cases: Readonly<Record<string, () => Promise<BenchCase>>> = {
  'step/small': async () => (await import('./step/index.ts')).stepCases['step/small']!,
  'step/vit': async () => (await import('./step/index.ts')).stepCases['step/vit']!,
  'step/cnn': async () => (await import('./step/index.ts')).stepCases['step/cnn']!,
  'step/resnet50': async () => (await import('./step/index.ts')).stepCases['step/resnet50']!,
  'step/detr': async () => (await import('./step/index.ts')).stepCases['step/detr']!,
  kernels: async () => (await import('./kernels/index.ts')).kernels,
  'memory/vit': async () => (await import('./memory.ts')).memoryCases['memory/vit']!,
  'memory/resnet50': async () => (await import('./memory.ts')).memoryCases['memory/resnet50']!,
  'precision/vit': async () => (await import('./precision.ts')).precision,
  endurance: async () => (await import('./endurance.ts')).endurance,
  'coco-eval': async () => (await import('./coco-eval.ts')).cocoEval,
  images: async () => (await import('./images.ts')).images,
  predict: async () => (await import('./predict/index.ts')).predict,
  page: async () => (await import('./page.ts')).page,
  bundle: async () => (await import('./bundle.ts')).bundle,
  'stream/files': async () => (await import('./stream/stream.ts')).stream,
  'stream/annotations': async () => (await import('./stream/stream.ts')).annotations,
};

const tool = 'npm run bench';
const page = `Usage: npm run bench -- [case …] [--json]

Measures Ocelli beside its peers on this machine: the same work, in turn, medians. Without a case, all of them.

Cases:
${Object.keys(cases)
  .map((name) => `  ${name}`)
  .join('\n')}
  (step: all of step/…; kernel/<operation>: some of kernels; how each measures stands in the head of its file in bench/)

Options:
  --rounds <n>    rounds in which the contenders of step/… take turns (by case, 4 to 12)
  --peers <list>  of step/…: eager and fp16 (Ocelli's own), tfjs, jax; all where left out, none: only Ocelli
  --torch <command>  adds PyTorch to step/…: an interpreter that has it, "$(bash scripts/python.sh torch)"
  --steps <n>     training steps of endurance (10000) and of precision (500)
  --budget-mb <n> bytes that memory/… fits batches into (what 4 times the usual batch takes)
  --json          one object a row on stdout: case, metric, value, unit, peer, ratio (above 1: Ocelli is better)
                  and goals, what the project's goals say about Ocelli's own rows
  --help          this page

Examples:
  npm run bench -- images
  npm run bench -- step/vit coco-eval --json
  npm run bench -- step/small --rounds 3 --peers tfjs`;

const { values, positionals } = readArguments(
  tool,
  {
    json: { type: 'boolean', default: false },
    child: { type: 'boolean', default: false },
    rounds: { type: 'string' },
    peers: { type: 'string' },
    torch: { type: 'string' },
    steps: { type: 'string' },
    'budget-mb': { type: 'string' },
  },
  page,
);

const kernelWords = positionals.flatMap((word) => (word.startsWith('kernel/') ? [word.slice(7)] : []));

function select(words: readonly string[]): string[] {
  const names = Object.keys(cases);
  const wanted = words.map((word) => (word.startsWith('kernel/') ? 'kernels' : word));
  if (wanted.length === 0) return names;
  const matches = (name: string, word: string): boolean => name === word || name.startsWith(`${word}/`);
  const unknown = wanted.filter((word) => !names.some((name) => matches(name, word)));
  if (unknown.length > 0) wrongUse(tool, `cases of ${names.join(', ')}`, unknown.join(', '));
  return names.filter((name) => wanted.some((word) => matches(name, word)));
}

function line(row: BenchRow): string {
  const value = `${row.value.toPrecision(4)} ${row.unit}`;
  const against = row.peer ? `  ${row.peer}  (Ocelli ${row.ratio?.toPrecision(3)}×)` : '';
  const goals = (row.goals ?? []).map((goal) => `\n    ${goal}`).join('');
  return `${row.case}  ${row.metric}  ${value}${against}${goals}`;
}

const knownPeers = ['eager', 'fp16', 'tfjs', 'jax', 'none'];

function readOptions(): BenchOptions {
  const peers = values.peers?.split(',');
  const wrong = peers?.filter((peer) => !knownPeers.includes(peer)) ?? [];
  if (wrong.length > 0) wrongUse(tool, `--peers of ${knownPeers.join(', ')}`, wrong.join(', '));
  const whole = (name: 'rounds' | 'steps' | 'budget-mb'): number | undefined => {
    const text = values[name];
    if (text === undefined) return;
    const number = Number(text);
    if (!(Number.isInteger(number) && number > 0)) wrongUse(tool, `--${name} of 1 or more`, text);
    return number;
  };
  return {
    rounds: whole('rounds'),
    steps: whole('steps'),
    budgetMb: whole('budget-mb'),
    peers,
    torch: values.torch,
    only: kernelWords,
  };
}

if (values.child) {
  const [name, ...rest] = positionals;
  const benchCase = await cases[name!]!();
  console.log(JSON.stringify(await benchCase.child!(rest)));
  process.exit(0);
}

const options = readOptions();
for (const name of select(positionals)) {
  const report = new BenchReport(
    name,
    (row) => console.log(values.json ? JSON.stringify(row) : line(row)),
    (text) => console.error(`${name}: ${text}`),
  );
  try {
    await (await cases[name]!()).run(report, options);
  } catch (error) {
    console.error(
      `${name} failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
    );
    process.exitCode = 1;
  }
}
