/**
 * Weights as f16, for products in half precision: copied once at the start of a run, so that the matrix products and
 * convolutions of both directions read two bytes for each of them. The weights themselves stay f32; the optimiser
 * moves those, and everything but products reads them.
 *
 * The copies lie side by side in one memory (a shelf), whole arenas of weights as they are, so that a few kernels
 * make them all.
 */
import { type Analysis, elementsOf } from './analysis.ts';
import type { Arena } from './arenas.ts';
import { flatDispatch } from './dispatch.ts';
import type { EmitContext } from './emit/index.ts';
import type { Group } from './groups.ts';
import type { Placement } from './placement.ts';

/** What products multiply, by kernel; what follows them in the same kernel reads f32. */
const factors: Readonly<Record<string, readonly string[]>> = {
  BatchMatMul: ['a', 'b'],
  OcelliLinear: ['weight'],
  OcelliLinearBias: ['weight'],
  OcelliConv2d: ['weight'],
  OcelliConv2dInputGrad: ['weight'],
};

/** Fewer numbers gain nothing. */
const fewest = 1024;
/** Copies begin at multiples of 256 bytes. */
const alignment = 128;
const threads = 256;

/** For groups that multiply weights: which copy they read in place of a parameter. */
export type HalfWeights = ReadonlyMap<Group, ReadonlyMap<number, number>>;

interface Source {
  /** What is copied: a parameter, or an arena of them. */
  readonly value: number;
  readonly elements: number;
  /** Where each parameter begins in it. */
  readonly members: ReadonlyMap<number, number>;
}

/** Writes the kernels that make the copies. `laid`: the values that arenas are. `most`: numbers that one buffer holds. */
export function writeHalfWeights(
  context: EmitContext,
  placement: Placement,
  groups: readonly Group[],
  laid: ReadonlyMap<Arena, number>,
  most: number,
): HalfWeights {
  const readers = new Map(
    groups.map((group) => [group, weightsOf(context.analysis, placement, group)] as const),
  );
  const uses = [...readers.values()].flat();
  const wanted = new Set(uses);
  // A copy that is read once costs more than reading the weights themselves.
  const often = new Set(uses.filter((weight, i) => uses.indexOf(weight) !== i));
  const copies = new Map<number, number>();
  for (const sources of cut(sourcesOf(context.analysis, { wanted, often }, laid), most))
    for (const [weight, copy] of writeShelf(context, sources)) copies.set(weight, copy);
  const found = new Map<Group, ReadonlyMap<number, number>>();
  for (const [group, weights] of readers) {
    const own = weights.flatMap((weight) => {
      const copy = copies.get(weight);
      return copy === undefined ? [] : [[weight, copy] as const];
    });
    if (own.length > 0) found.set(group, new Map(own));
  }
  return found;
}

/** Parameters that a group multiplies, and does not read for anything else. */
function weightsOf(
  { graph, producers, lowerings }: Analysis,
  placement: Placement,
  { nodes }: Group,
): number[] {
  const product = nodes.find((node) => factors[graph.nodes[node]!.kernel]);
  if (product === undefined) return [];
  const parameters = new Set(Object.values(graph.parameters));
  const reachedBy = (value: number): number[] => {
    const producer = producers.get(value);
    if (!producer) return parameters.has(value) ? [value] : [];
    const isView = lowerings[producer.node]!.kind === 'element' && !placement.rooted[producer.node];
    return isView ? Object.values(graph.nodes[producer.node]!.inputs).flatMap(reachedBy) : [];
  };
  const { kernel, inputs } = graph.nodes[product]!;
  const multiplied = Object.entries(inputs).filter(([name]) => factors[kernel]!.includes(name));
  const others = new Set([
    ...Object.entries(inputs).flatMap(([name, value]) =>
      factors[kernel]!.includes(name) ? [] : reachedBy(value),
    ),
    ...nodes.flatMap((node) =>
      node === product ? [] : placement.leaves.get(node)!.map(({ value }) => value),
    ),
  ]);
  return multiplied.flatMap(([, value]) => reachedBy(value)).filter((value) => !others.has(value));
}

/** Arenas that hold such weights for the most part, and the weights that lie elsewhere and are read more than once. */
function sourcesOf(
  analysis: Analysis,
  { wanted, often }: Readonly<Record<'wanted' | 'often', ReadonlySet<number>>>,
  laid: ReadonlyMap<Arena, number>,
): Source[] {
  const sources: Source[] = [];
  const inArenas = new Set<number>();
  for (const [arena, value] of laid) {
    const members = new Map([...arena.members].filter(([member]) => wanted.has(member)));
    for (const member of members.keys()) inArenas.add(member);
    const elements = [...members.keys()].reduce((sum, member) => sum + elementsOf(analysis, member), 0);
    if (2 * elements >= arena.elements) sources.push({ value, elements: arena.elements, members });
  }
  for (const value of often) {
    const elements = elementsOf(analysis, value);
    if (inArenas.has(value) || elements < fewest || elements % 4 !== 0) continue;
    sources.push({ value, elements, members: new Map([[value, 0]]) });
  }
  return sources;
}

const aligned = (elements: number): number => Math.ceil(elements / alignment) * alignment;

function cut(sources: readonly Source[], most: number): Source[][] {
  const shelves: Source[][] = [];
  let used = Number.POSITIVE_INFINITY;
  for (const source of sources) {
    if (used + aligned(source.elements) > most) {
      shelves.push([]);
      used = 0;
    }
    shelves.at(-1)!.push(source);
    used += aligned(source.elements);
  }
  return shelves;
}

/** The copies by their parameters. */
function writeShelf(context: EmitContext, sources: readonly Source[]): Map<number, number> {
  const copies = new Map<number, number>();
  const placed: { readonly source: Source; readonly begin: number }[] = [];
  let used = 0;
  for (const source of sources) {
    placed.push({ source, begin: used });
    used += aligned(source.elements);
  }
  const shelf = context.temporary([used], 'float32', 'f16');
  for (const { source, begin } of placed)
    for (const [weight, offset] of source.members)
      copies.set(weight, context.slice(shelf, begin + offset, context.analysis.graph.values[weight]!.shape));
  const perKernel = context.target.buffers - 1;
  for (let first = 0; first < placed.length; first += perKernel)
    writeCopies(context, shelf, placed.slice(first, first + perKernel));
  return copies;
}

/** One kernel: an invocation copies four numbers, of the source within whose bounds it stands. */
function writeCopies(
  context: EmitContext,
  shelf: number,
  placed: readonly { readonly source: Source; readonly begin: number }[],
): void {
  const first = placed[0]!.begin / 4;
  const last = placed.at(-1)!;
  const end = (last.begin + last.source.elements) / 4;
  const grid = flatDispatch(Math.ceil((end - first) / threads));
  const count = placed.reduce((sum, { source }) => sum + source.members.size, 0);
  context.kernel({ nodes: [], stores: [] }, () => ({
    label: `Half precision of weights × ${count}`,
    workgroupSize: [threads, 1, 1],
    workgroups: grid.workgroups,
    nodes: [],
    bytes: 6 * placed.reduce((sum, { source }) => sum + source.elements, 0),
    write(kernel) {
      const { main } = kernel;
      const at = main.let(`${first} + ${grid.index} * ${threads} + i32(lane)`);
      const target = kernel.vectors(shelf, 'write')!;
      for (const { source, begin } of placed) {
        const from = begin / 4;
        const weights = kernel.vectors(source.value)!;
        const within = `${at} >= ${from} && ${at} < ${from + source.elements / 4}`;
        main.line(`if (${within}) { ${target}[${at}] = vec4<f16>(${weights}[${at} - ${from}]); }`);
      }
    },
  }));
}
