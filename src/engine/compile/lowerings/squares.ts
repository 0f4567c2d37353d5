/**
 * The sum of the squares of many tensors, the gradients of a model: tensors that lie side by side are read as one.
 * A first kernel (one per six pieces of memory) leaves partial sums, a second one adds them up.
 */
import type { KernelBuilder } from '../kernel-builder.ts';
import { acrossLanes } from '../lanes.ts';
import {
  type LoweringNode,
  type MemoryRange,
  registerLowering,
  type Scope,
  type TemplateLowering,
} from '../lowering.ts';
import { opaque } from '../opaque.ts';
import { Position, sizeOf } from '../position.ts';
import { sumOfAllSquares } from '../rewrite.ts';

/** Pieces of memory that one kernel reads. */
const rangesPerKernel = 6;
const threads = 256;
const mostGroups = 256;

registerLowering(sumOfAllSquares, (node): TemplateLowering => {
  const inputs = Object.values(node.node.inputs);
  return {
    kind: 'template',
    epilogue: false,
    inMemory: inputs,
    build(writer) {
      const ranges = rounds(inputs.filter((value) => sizeOf(node.shapeOf(value)) > 0)).flatMap((values) =>
        writer.ranges(values),
      );
      const parts: MemoryRange[][] = [];
      for (let first = 0; first < ranges.length; first += rangesPerKernel) {
        parts.push(ranges.slice(first, first + rangesPerKernel));
      }
      const each = writer.software ? 4096 : 16384;
      const groups = parts.map((part) => {
        const count = part.reduce((sum, range) => sum + range.count, 0);
        return Math.max(1, Math.min(mostGroups, Math.ceil(count / each)));
      });
      // A lane that walks alone needs no barrier, which is dear on a processor.
      const lanes = writer.software ? 1 : threads;
      const pieces = writer.temporary([Math.max(1, sum(groups))]);
      const label = `SumOfSquares × ${inputs.length}`;
      parts.forEach((part, i) => {
        const first = sum(groups.slice(0, i));
        writer.kernel(
          {
            label,
            workgroupSize: [lanes === 1 ? 64 : threads, 1, 1],
            workgroups: [lanes === 1 ? Math.ceil(groups[i]! / 64) : groups[i]!, 1, 1],
            flops: 2 * part.reduce((total, { count }) => total + count, 0),
          },
          (kernel) =>
            writePart(kernel, part, { pieces, first, groups: groups[i]!, lanes, subgroup: writer.subgroup }),
        );
      });
      writer.kernel(
        { label: `${label} (pieces)`, workgroupSize: [lanes, 1, 1], workgroups: [1, 1, 1] },
        (kernel) => writeSum(kernel, node, pieces, sum(groups), { lanes, subgroup: writer.subgroup }),
      );
    },
  };
});

/** Each value once in a round, in as many rounds as it occurs: two parameters may have one gradient, which counts twice. */
function rounds(values: readonly number[]): number[][] {
  const found: number[][] = [];
  const seen = new Map<number, number>();
  for (const value of values) {
    const round = seen.get(value) ?? 0;
    seen.set(value, round + 1);
    found[round] ??= [];
    found[round].push(value);
  }
  return found;
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);

interface Part {
  readonly pieces: number;
  readonly first: number;
  readonly groups: number;
  readonly lanes: number;
  readonly subgroup: number;
}

function writePart(
  kernel: KernelBuilder,
  part: readonly MemoryRange[],
  { pieces, first, groups, lanes, subgroup }: Part,
): void {
  const { main } = kernel;
  const group = main.let(lanes === 1 ? 'i32(group.x) * 64 + i32(lane)' : 'i32(group.x)');
  if (lanes === 1) main.line(`if (${group} >= ${groups}) { return; }`);
  main.line('var total = 0.0;');
  for (const { value, begin, count } of part) {
    const array = begin % 4 === 0 && count % 4 === 0 ? kernel.vectors(value) : undefined;
    const [units, start] = array ? [count / 4, begin / 4] : [count, begin];
    const index = kernel.name('i');
    const from = lanes === 1 ? group : `${group} * ${lanes} + i32(lane)`;
    const x = `${array ?? kernel.buffer(value)!}[${start === 0 ? index : `${start} + ${index}`}]`;
    const square = array
      ? `let x = vec4<f32>(${x}); total += dot(x, x);`
      : `let x = f32(${x}); total += x * x;`;
    main.line(
      `for (var ${index} = ${from}; ${index} < ${units}; ${index} += ${groups * lanes}) { ${square} }`,
    );
  }
  const total = combineAll(kernel, main, 'total', { lanes, subgroup });
  const at = Position.at([first + groups], main.let(first === 0 ? group : `${first} + ${group}`));
  if (lanes === 1) {
    kernel.write(main, pieces, at, total);
    return;
  }
  const last = kernel.block(main);
  kernel.write(last, pieces, at, total);
  main.line(`if (lane == 0u) {\n${last.text()}}`);
}

function writeSum(
  kernel: KernelBuilder,
  node: LoweringNode,
  pieces: number,
  count: number,
  { lanes, subgroup }: Pick<Part, 'lanes' | 'subgroup'>,
): void {
  const { main } = kernel;
  const array = kernel.buffer(pieces)!;
  main.line('var total = 0.0;');
  const end = lanes === 1 ? opaque(count) : count;
  main.line(`for (var i = i32(lane); i < ${end}; i += ${lanes}) { total += ${array}[i]; }`);
  const total = combineAll(kernel, main, 'total', { lanes, subgroup });
  const last = kernel.block(main);
  kernel.write(last, node.output(), Position.at([], '0'), total);
  main.line(`if (lane == 0u) {\n${last.text()}}`);
}

/** The sum over all lanes of the workgroup. */
function combineAll(
  kernel: KernelBuilder,
  scope: Scope,
  name: string,
  { lanes, subgroup }: Pick<Part, 'lanes' | 'subgroup'>,
): string {
  const value = { name, type: 'f32', combine: (a: string, b: string) => `${a} + ${b}` } as const;
  const all = { all: lanes, count: lanes, stride: 1, rank: 'i32(lane)' };
  return acrossLanes(kernel, scope, [value], all, subgroup)[0]!;
}
