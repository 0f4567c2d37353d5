/** Rows of the bench as a page: one table per case, contenders side by side, and what the goals say. */
import type { BenchRow } from './case.ts';

export interface ResultsPage {
  readonly title: string;
  /** Device, driver, versions: told as a list. */
  readonly facts: readonly (readonly [name: string, value: string])[];
  /** How it was measured and what the numbers mean. */
  readonly method: readonly string[];
  readonly rows: readonly BenchRow[];
  /** Remarks of the cases: who was left out and why. */
  readonly notes: readonly string[];
}

const own = 'Ocelli';

export function resultsPage({ title, facts, method, rows, notes }: ResultsPage): string {
  const groups = new Map<string, BenchRow[]>();
  for (const row of rows) groups.set(row.case, [...(groups.get(row.case) ?? []), row]);
  const steps = [...groups].filter(([name]) => name.startsWith('step/'));
  const kernels = [...groups].filter(([name]) => name.startsWith('kernel/'));
  const others = [...groups].filter(([name]) => !/^(step|kernel)\//.test(name));
  const parts = [
    `# ${title}`,
    facts.map(([name, value]) => `- ${name}: ${value}`).join('\n'),
    ...method,
    ...(steps.length > 0
      ? ['## Training steps', ...steps.flatMap(([name, own]) => stepPart(name, own))]
      : []),
    ...(kernels.length > 0 ? ['## Kernels', kernelTable(kernels)] : []),
    ...(others.length > 0 ? ['## Others', ...others.flatMap(([name, own]) => stepPart(name, own))] : []),
    ...(notes.length > 0 ? ['## Remarks', notes.map((note) => `- ${note}`).join('\n')] : []),
  ];
  return `${parts.join('\n\n')}\n`;
}

/** A line per metric, a column per contender, and the goals below. */
function stepPart(name: string, rows: readonly BenchRow[]): string[] {
  const contenders = [...new Set(rows.map(({ peer = own }) => peer))];
  const metrics = [...new Set(rows.map(({ metric }) => metric))];
  const cell = (metric: string, contender: string): string => {
    const row = rows.find((found) => found.metric === metric && (found.peer ?? own) === contender);
    return row ? shortened(row.value) : '–';
  };
  const goals = rows.flatMap(({ metric, goals = [] }) => goals.map((goal) => `- ${metric}: ${goal}`));
  return [
    `### ${name}`,
    table(
      ['', ...contenders],
      metrics.map((metric) => [metric, ...contenders.map((contender) => cell(metric, contender))]),
    ),
    ...(goals.length > 0 ? [goals.join('\n')] : []),
  ];
}

function kernelTable(groups: readonly (readonly [string, readonly BenchRow[]])[]): string {
  return table(
    ['kernel', 'ms', 'TensorFlow.js, ms', 'ratio', 'GFLOP/s', 'GB/s', 'of peak', 'dispatches'],
    groups.map(([name, rows]) => {
      const of = (metric: string, peer = false): BenchRow | undefined =>
        rows.find((row) => row.metric === metric && (row.peer !== undefined) === peer);
      const value = (metric: string, peer = false): string => {
        const row = of(metric, peer);
        return row ? shortened(row.value) : '–';
      };
      const share = of('share_of_peak')?.value;
      return [
        name.slice('kernel/'.length),
        value('ms'),
        value('ms', true),
        `${shortened(of('ms', true)?.ratio ?? Number.NaN)}×`,
        value('gflops'),
        value('gbytes_per_second'),
        share === undefined ? '–' : `${(100 * share).toFixed(0)} %`,
        `${value('dispatches')} (${value('dispatches', true)})`,
      ];
    }),
  );
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map((_, i) => (i === 0 ? '---' : '---:'))), ...rows.map(line)].join('\n');
}

/** Three significant digits, without an exponent. */
function shortened(value: number): string {
  if (Math.abs(value) >= 1000) return String(Math.round(value));
  return String(Number(value.toPrecision(3)));
}
