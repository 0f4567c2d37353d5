/** A compiled plan as text: its kernels in order, what each reads and writes, and how much it computes. */
import type { KernelPlan, PlanKernel } from '../compile/types.ts';

export interface ExplainOptions {
  /** The WGSL of every kernel too (false). */
  readonly wgsl?: boolean;
}

export function explainPlan(plan: KernelPlan, { wgsl = false }: ExplainOptions = {}): string[] {
  const lines = [summary(plan)];
  let halt = 0;
  plan.kernels.forEach((kernel, i) => {
    while (plan.halts[halt]?.kernel === i) {
      const { reads, writes } = plan.halts[halt++]!;
      lines.push(`     the host reads ${reads.join(', ')} and gives ${writes.join(', ')}`);
    }
    lines.push(kernelLine(plan, kernel, i));
    if (wgsl) lines.push(...kernel.wgsl.split('\n').map((line) => `        ${line}`));
  });
  return lines;
}

function summary({ kernels, inputs, parameters, updates, outputs, values }: KernelPlan): string {
  const texts = new Set(kernels.map((kernel) => kernel.wgsl)).size;
  const flops = kernels.reduce((sum, kernel) => sum + kernel.flops, 0);
  const count = (record: object): number => Object.keys(record).length;
  return (
    `${kernels.length} dispatches of ${texts} different kernels, ${engineering(flops)}FLOP; ` +
    `${count(inputs)} inputs, ${count(parameters)} parameters, ${count(updates)} updates, ` +
    `${count(outputs)} outputs, ${values.size} values in memory`
  );
}

function kernelLine(plan: KernelPlan, kernel: PlanKernel, index: number): string {
  const shapes = (access: 'read' | 'write'): string =>
    kernel.bindings
      .filter((binding) => binding.access === access)
      .map(({ value }) => {
        const found = plan.values.get(value);
        return found ? `${value}[${found.shape.join('×')}]` : String(value);
      })
      .join(' ');
  return (
    `${String(index).padStart(4)} ${kernel.label}  ${kernel.workgroups.join('×')} workgroups, ` +
    `${engineering(kernel.flops)}FLOP, ${engineering(kernel.bytes)}B  ${shapes('read')} → ${shapes('write')}`
  );
}

/** `1.2 M`, `310 k`, `12 `. */
export function engineering(value: number): string {
  for (const [unit, size] of [
    ['G', 1e9],
    ['M', 1e6],
    ['k', 1e3],
  ] as const)
    if (value >= size) return `${Number((value / size).toPrecision(3))} ${unit}`;
  return `${Number(value.toPrecision(3))} `;
}
