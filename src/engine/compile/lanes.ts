/**
 * Bringing together what the lanes of a workgroup have: sums, largest numbers. Where the device has subgroups, lanes
 * first exchange their numbers in registers (a butterfly of `subgroupShuffleXor`, whose order never changes, unlike
 * that of `subgroupAdd`), and what is left of each subgroup meets in workgroup memory behind one barrier. Elsewhere
 * it is a tree in workgroup memory with a barrier for each level.
 */
import type { KernelBuilder } from './kernel-builder.ts';
import type { Scope } from './lowering.ts';

/** What each lane has: a variable of the kernel. */
export interface LaneValue {
  readonly name: string;
  readonly type: 'f32' | 'i32' | 'bool';
  combine(a: string, b: string): string;
}

/** Lanes of one result are `stride` apart, `count` of them (a power of two), and this one is number `rank`. */
export interface Lanes {
  /** Of the workgroup. */
  readonly all: number;
  readonly count: number;
  readonly stride: number;
  /** WGSL, i32. */
  readonly rank: string;
}

/**
 * Names for what the lanes of a result have together; all of them see it. Every lane of the workgroup must come
 * here. `subgroup`: how many neighbouring lanes surely are in one subgroup, a power of two (1: none).
 */
export function acrossLanes(
  kernel: KernelBuilder,
  scope: Scope,
  values: readonly LaneValue[],
  lanes: Lanes,
  subgroup: number,
): string[] {
  if (lanes.count === 1) return values.map(({ name }) => name);
  return lanes.stride === 1 && subgroup > 1
    ? bySubgroups(kernel, scope, values, lanes, subgroup)
    : byTree(kernel, scope, values, lanes);
}

/** A butterfly over `count` neighbouring lanes of one subgroup: changes the variable, a number or a vector of them. */
export function exchange(
  kernel: KernelBuilder,
  scope: Pick<Scope, 'line'>,
  { name, type, combine }: Omit<LaneValue, 'type'> & Partial<Pick<LaneValue, 'type'>>,
  count: number,
): void {
  kernel.enable('subgroups');
  for (let apart = 1; apart < count; apart *= 2) {
    const other =
      type === 'bool'
        ? `(subgroupShuffleXor(select(0u, 1u, ${name}), ${apart}u) != 0u)`
        : `subgroupShuffleXor(${name}, ${apart}u)`;
    // First, whatever `combine` is: `||` would leave some lanes out.
    scope.line(`{ let other = ${other}; ${name} = ${combine(name, 'other')}; }`);
  }
}

/** More than this many numbers in workgroup memory are added in a loop. */
const mostWrittenOut = 8;

function bySubgroups(
  kernel: KernelBuilder,
  scope: Scope,
  values: readonly LaneValue[],
  { all, count }: Lanes,
  subgroup: number,
): string[] {
  const width = Math.min(count, subgroup);
  const own = values.map((value) => {
    const name = kernel.name('own');
    scope.line(`var ${name} = ${value.name};`);
    exchange(kernel, scope, { ...value, name }, width);
    return { ...value, name };
  });
  if (width === count) return own.map(({ name }) => name);
  const parts = count / width;
  const shared = own.map(({ name, type }) => {
    const array = kernel.name('shared');
    kernel.declare(`var<workgroup> ${array}: array<${type}, ${all / width}>;`);
    return { array, name };
  });
  const puts = shared.map(({ array, name }) => `${array}[lane / ${width}u] = ${name};`);
  scope.line(`if (lane % ${width}u == 0u) {\n${puts.join('\n')}\n}\nworkgroupBarrier();`);
  const first = scope.let(all === count ? '0u' : `lane / ${count}u * ${parts}u`);
  return shared.map(({ array }, i) => {
    const total = kernel.name('total');
    const { combine } = own[i]!;
    scope.line(`var ${total} = ${array}[${first}];`);
    if (parts <= mostWrittenOut)
      for (let part = 1; part < parts; part++)
        scope.line(`${total} = ${combine(total, `${array}[${first} + ${part}u]`)};`);
    else
      scope.line(
        `for (var part = 1u; part < ${parts}u; part++) { ${total} = ${combine(total, `${array}[${first} + part]`)}; }`,
      );
    return total;
  });
}

function byTree(
  kernel: KernelBuilder,
  scope: Scope,
  values: readonly LaneValue[],
  { all, count, stride, rank }: Lanes,
): string[] {
  const shared = values.map(({ name, type }) => {
    const array = kernel.name('shared');
    kernel.declare(`var<workgroup> ${array}: array<${type}, ${all}>;`);
    scope.line(`${array}[lane] = ${name};`);
    return array;
  });
  scope.line('workgroupBarrier();');
  for (let half = count / 2; half >= 1; half /= 2) {
    const steps = shared.map((array, i) => {
      const other = `${array}[lane + ${half * stride}u]`;
      return `${array}[lane] = ${values[i]!.combine(`${array}[lane]`, other)};`;
    });
    scope.line(`if (${rank} < ${half}) {\n${steps.join('\n')}\n}\nworkgroupBarrier();`);
  }
  const first = `lane - u32(${rank})${stride === 1 ? '' : ` * ${stride}u`}`;
  return shared.map((array) => scope.let(`${array}[${first}]`));
}
