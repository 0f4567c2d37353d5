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
import { type BenchCase, BenchReport, type BenchRow } from './case.ts';

const cases: Readonly<Record<string, () => Promise<BenchCase>>> = {
  'step/vit': async () => (await import('./step.ts')).stepVit,
  'step/resnet50': async () => (await import('./step.ts')).stepResnet50,
  'step/detr': async () => (await import('./step.ts')).stepDetr,
  'coco-eval': async () => (await import('./coco-eval.ts')).cocoEval,
  images: async () => (await import('./images.ts')).images,
};

const tool = 'npm run bench';
const page = `Usage: npm run bench -- [case …] [--json]

Measures Ocelli beside its peers on this machine: the same work, in turn, medians. Without a case, all of them.

Cases:
${Object.keys(cases)
  .map((name) => `  ${name}`)
  .join('\n')}
  (step: all of step/…; how each measures stands in the head of its file in bench/)

Options:
  --json   one object a row on stdout: case, metric, value, unit, peer, ratio (above 1: Ocelli is better)
  --help   this page

Examples:
  npm run bench -- images
  npm run bench -- step/vit coco-eval --json`;

const { values, positionals } = readArguments(
  tool,
  { json: { type: 'boolean', default: false }, child: { type: 'boolean', default: false } },
  page,
);

function select(wanted: readonly string[]): string[] {
  const names = Object.keys(cases);
  if (wanted.length === 0) return names;
  const matches = (name: string, word: string): boolean => name === word || name.startsWith(`${word}/`);
  const unknown = wanted.filter((word) => !names.some((name) => matches(name, word)));
  if (unknown.length > 0) wrongUse(tool, `cases of ${names.join(', ')}`, unknown.join(', '));
  return names.filter((name) => wanted.some((word) => matches(name, word)));
}

function line(row: BenchRow): string {
  const value = `${row.value.toPrecision(4)} ${row.unit}`;
  const against = row.peer ? `  ${row.peer}  (Ocelli ${row.ratio?.toPrecision(3)}×)` : '';
  return `${row.case}  ${row.metric}  ${value}${against}`;
}

if (values.child) {
  const [name, ...rest] = positionals;
  const benchCase = await cases[name!]!();
  console.log(JSON.stringify(await benchCase.child!(rest)));
  process.exit(0);
}

for (const name of select(positionals)) {
  const report = new BenchReport(
    name,
    (row) => console.log(values.json ? JSON.stringify(row) : line(row)),
    (text) => console.error(`${name}: ${text}`),
  );
  try {
    await (await cases[name]!()).run(report);
  } catch (error) {
    console.error(
      `${name} failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
    );
    process.exitCode = 1;
  }
}
