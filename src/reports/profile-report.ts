/**
 * The page of `ocelli bench step --profile`: where a training step's GPU time goes, kernel by kernel, and how near
 * to the adapter's measured peak each comes. One file that needs no other, like every report.
 */
import { counted } from '../core/index.ts';
import { barChart } from './charts.ts';
import { number, percent } from './format.ts';
import { html } from './html.ts';
import { page } from './page.ts';
import { card, figure, grid, table } from './parts.ts';

export interface ProfiledKernel {
  readonly label: string;
  /** Per step, as the next ones. */
  readonly dispatches: number;
  readonly ms: number;
  /** Of the step's GPU time, 0 … 1. */
  readonly share: number;
  readonly flops: number;
  readonly bytes: number;
  readonly shareOfPeak: number | undefined;
}

export interface ProfileReportInput {
  readonly title: string;
  /** Adapter and library. */
  readonly device: string;
  readonly createdAt: string;
  readonly version: string;
  readonly steps: number;
  /** GPU time of a step. */
  readonly ms: number;
  readonly dispatches: number;
  readonly peak: { readonly gflops: number; readonly gigabytesPerSecond: number };
  /** The longest first. */
  readonly kernels: readonly ProfiledKernel[];
}

/** Kernels in the chart; all of them are in the table. */
const charted = 20;

export function renderProfileReport(input: ProfileReportInput): string {
  const { title, device, createdAt, version, steps, ms, dispatches, peak, kernels } = input;
  return page({
    title,
    kicker: 'Profile of a training step',
    meta: [
      ['device', device],
      ['made', createdAt],
      ['ocelli', version],
    ],
    tiles: [
      { label: 'GPU time', value: `${number(ms)} ms`, note: `a step, mean of ${steps}` },
      { label: 'dispatches', value: number(dispatches), note: 'a step' },
      { label: 'arithmetic', value: `${number(peak.gflops)} GFLOP/s`, note: 'measured peak, f32' },
      { label: 'memory', value: `${number(peak.gigabytesPerSecond)} GB/s`, note: 'measured peak' },
    ],
    findings: findingsOf(kernels),
    sections: [{ id: 'kernels', title: 'Kernels', body: kernelSection(kernels) }],
    footer: html`Each dispatch was timed by itself with timestamp queries, which costs the overlap between kernels.
      Arithmetic and bytes are the least that the operation needs; the share of the peak is the time that the
      adapter needs for them at its measured peak (arithmetic or memory, whichever takes longer), divided by the
      time that was measured.`,
  });
}

function findingsOf(kernels: readonly ProfiledKernel[]): string[] {
  const [first] = kernels;
  if (!first) return ['No kernel ran on the GPU.'];
  const half = kernels.findIndex(
    (_, i) => kernels.slice(0, i + 1).reduce((sum, { share }) => sum + share, 0) >= 0.5,
  );
  const found = [
    `${first.label} takes ${percent(first.share)} of the GPU time.`,
    `Half of it goes to ${half + 1} of ${counted(kernels.length, 'kernel')}.`,
  ];
  const slow = kernels.find(
    ({ share, shareOfPeak }) => share >= 0.05 && shareOfPeak !== undefined && shareOfPeak < 0.1,
  );
  if (slow)
    found.push(
      `${slow.label} takes ${percent(slow.share)} and reaches ${percent(slow.shareOfPeak!)} of the peak: the first to look at.`,
    );
  return found;
}

function kernelSection(kernels: readonly ProfiledKernel[]) {
  const shown = kernels.slice(0, charted);
  const chart = barChart(
    shown.map(({ label, ms }) => ({ label, values: [ms] })),
    ['ms a step'],
    { name: 'ms a step' },
  );
  const numbers = table(
    ['kernel', 'dispatches', 'ms', 'of the step', 'GFLOP/s', 'GB/s', 'of the peak'],
    kernels.map(({ label, dispatches, ms, share, flops, bytes, shareOfPeak }) => [
      label,
      number(dispatches),
      number(ms),
      percent(share),
      flops > 0 ? number(flops / ms / 1e6) : '–',
      bytes > 0 ? number(bytes / ms / 1e6) : '–',
      shareOfPeak === undefined ? '–' : percent(shareOfPeak),
    ]),
  );
  return grid(
    figure({
      title: 'GPU time by kernel',
      summary:
        kernels.length > charted
          ? `The ${charted} kernels that take longest, of ${kernels.length}.`
          : 'Milliseconds of a step that each kernel takes.',
      chart,
      wide: true,
    }),
    card('All kernels', numbers, true),
  );
}
