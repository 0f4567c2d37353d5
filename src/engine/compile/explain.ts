/** A plan as a table for people: what runs, how large it is, and what it touches. */
import type { KernelPlan } from './types.ts';

/** One line per kernel: number, workgroups, bytes and operations as far as known, nodes of the graph, label. */
export function explain(plan: KernelPlan): string {
  const rows = plan.kernels.map(({ label, workgroups, bytes, flops, nodes }, i) => [
    String(i),
    workgroups.join('×'),
    bytes > 0 ? short(bytes, 1024, ['B', 'KiB', 'MiB', 'GiB']) : '',
    flops > 0 ? short(flops, 1000, ['', 'k', 'M', 'G']) : '',
    String(nodes.length),
    label,
  ]);
  const table = [['kernel', 'workgroups', 'bytes', 'flop', 'nodes', 'what'], ...rows];
  const widths = table[0]!.map((_, column) => Math.max(...table.map((row) => row[column]!.length)));
  const lines = table.map((row) =>
    row.map((cell, column) => (column === row.length - 1 ? cell : cell.padStart(widths[column]!))).join('  '),
  );
  const texts = new Set(plan.kernels.map(({ wgsl }) => wgsl)).size;
  const total = plan.kernels.reduce((sum, { bytes }) => sum + bytes, 0);
  lines.push(
    `${plan.kernels.length} kernels, ${texts} different; ${short(total, 1024, ['B', 'KiB', 'MiB', 'GiB'])} read and written`,
  );
  return lines.join('\n');
}

function short(amount: number, step: number, units: readonly string[]): string {
  let unit = 0;
  let left = amount;
  while (left >= step && unit < units.length - 1) {
    left /= step;
    unit++;
  }
  return `${left >= 100 || unit === 0 ? Math.round(left) : left.toFixed(1)} ${units[unit]}`.trim();
}
