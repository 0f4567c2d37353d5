/**
 * A kernel may read one slice of an arena and write another. WebGPU binds a buffer within one dispatch either for
 * reading only or for writing, but lets disjoint ranges of it both be bound for writing: so such readers are
 * declared `read_write`, too.
 */
import type { KernelPlan, PlanKernel } from '../compile/types.ts';
import { bytesOf } from './numbers.ts';

/** The plan with such kernels declared anew; others stay the same objects. */
export function bindSlices(plan: KernelPlan): KernelPlan {
  const kernels = plan.kernels.map((kernel) => bindSlicesOf(plan, kernel));
  return kernels.every((kernel, i) => kernel === plan.kernels[i]) ? plan : { ...plan, kernels };
}

function bindSlicesOf(plan: KernelPlan, kernel: PlanKernel): PlanKernel {
  const ranges = kernel.bindings.map(({ value }) => {
    const known = plan.values.get(value);
    if (!known)
      throw new Error(`kernel "${kernel.label}" binds ${value}, which is none of the plan's values`);
    const start = (known.within?.offset ?? 0) * (known.storage === 'f16' ? 2 : 4);
    return { root: known.within?.value ?? value, start, end: start + bytesOf(known) };
  });
  let { wgsl } = kernel;
  const bindings = kernel.bindings.map((binding, i) => {
    if (binding.access === 'write') return binding;
    const its = ranges[i]!;
    const written = ranges.filter(
      ({ root }, other) => root === its.root && kernel.bindings[other]!.access === 'write',
    );
    if (written.length === 0) return binding;
    if (written.some(({ start, end }) => start < its.end && its.start < end))
      throw new Error(
        `kernel "${kernel.label}" reads and writes the memory of ${binding.value} through two bindings: bind it once, for writing`,
      );
    const declaration = new RegExp(`(@binding\\(${i}\\)\\s*var<storage,\\s*)read(\\s*>)`);
    if (!declaration.test(wgsl)) throw new Error(`kernel "${kernel.label}" does not declare binding ${i}`);
    wgsl = wgsl.replace(declaration, '$1read_write$2');
    return { ...binding, access: 'write' as const };
  });
  return wgsl === kernel.wgsl ? kernel : { ...kernel, wgsl, bindings };
}
