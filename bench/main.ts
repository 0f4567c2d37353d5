/**
 * The bench runner: measures Ocelli beside its peers.
 *
 *   npm run bench -- [case …] [--json]
 *
 * A case is a file of this folder and a row in the table below; `step` stands for every `step/…`. Prints one row
 * per line; with --json each is an object {"case","metric","value","unit","peer","ratio"} and people's text goes
 * to stderr. A case that fails is said and makes the exit code 1; the others still run.
 */
import { parseArgs } from 'node:util';
import { type BenchCase, BenchReport, type BenchRow } from './case.ts';

const cases: Readonly<Record<string, () => Promise<BenchCase>>> = {
  'step/vit': async () => (await import('./step.ts')).stepVit,
  'step/resnet50': async () => (await import('./step.ts')).stepResnet50,
  'step/detr': async () => (await import('./step.ts')).stepDetr,
  'coco-eval': async () => (await import('./coco-eval.ts')).cocoEval,
  images: async () => (await import('./images.ts')).images,
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { json: { type: 'boolean', default: false }, child: { type: 'boolean', default: false } },
});

function select(wanted: readonly string[]): string[] {
  const names = Object.keys(cases);
  if (wanted.length === 0) return names;
  const unknown = wanted.filter(
    (word) => !names.some((name) => name === word || name.startsWith(`${word}/`)),
  );
  if (unknown.length > 0) {
    console.error(
      `Expected cases of ${names.join(', ')}. Received: ${unknown.join(', ')}. Fix: npm run bench -- ${names[0]}`,
    );
    process.exit(2);
  }
  return names.filter((name) => wanted.some((word) => name === word || name.startsWith(`${word}/`)));
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
