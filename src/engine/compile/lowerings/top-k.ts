/**
 * The k largest of the last axis, in order; of equal ones the first comes first. What is no number is the largest, as
 * torch has it: comparing floats, it would have no place, and some of the k results would never be written.
 *
 * Short lines are counted: an invocation per element finds how many come before its own, which is its place. In long
 * lines a workgroup first finds where the k largest end, eight bits of the number at a time (a radix selection),
 * and compares only those with each other.
 */
import { flatDispatch } from '../dispatch.ts';
import type { KernelBuilder } from '../kernel-builder.ts';
import {
  type LoweringNode,
  registerLowering,
  type TemplateLowering,
  type TemplateWriter,
} from '../lowering.ts';
import { Position, sizeOf } from '../position.ts';
import { beginGroup } from './mat-mul-kernel.ts';
import { countBefore, loopEnd, reader } from './per-element.ts';

interface TopK {
  readonly x: number;
  readonly shape: readonly number[];
  readonly type: 'f32' | 'i32';
  readonly values: number;
  readonly places: number;
  readonly resultShape: readonly number[];
  readonly length: number;
  readonly k: number;
  readonly lines: number;
}

/** Below this length, comparing all pairs is as fast. */
const shortest = 512;
/** Chosen numbers lie in workgroup memory, of which every device has 16 KiB. */
const mostChosen = 1024;

registerLowering('TopK', (node): TemplateLowering => {
  const top = describe(node);
  const selects = top.length >= shortest && top.k <= Math.min(mostChosen, top.length / 2);
  return {
    kind: 'template',
    epilogue: true,
    build: (writer) => (selects ? writeSelection : writeCounting)(writer, top),
  };
});

function describe(node: LoweringNode): TopK {
  const x = node.input('x');
  const [values, places] = [node.output(0), node.output(1)];
  const [shape, resultShape] = [node.shapeOf(x), node.shapeOf(values)];
  return {
    x,
    shape,
    type: node.dtypeOf(x) === 'float32' ? 'f32' : 'i32',
    values,
    places,
    resultShape,
    length: shape.at(-1)!,
    k: resultShape.at(-1)!,
    lines: sizeOf(shape.slice(0, -1)),
  };
}

const bytesOf = ({ shape, resultShape }: TopK): number => 4 * (sizeOf(shape) + 2 * sizeOf(resultShape));

const counters = 64;

/** A workgroup stays on one line, so that all of it reads the same number. */
function writeCounting(writer: TemplateWriter, top: TopK): void {
  const { x, shape, type, values, places, resultShape, length, k, lines } = top;
  const groups = Math.ceil(length / counters);
  const grid = flatDispatch(lines * groups);
  const options = {
    label: 'TopK',
    workgroupSize: [counters, 1, 1],
    workgroups: grid.workgroups,
    flops: sizeOf(shape) * length,
    bytes: bytesOf(top),
  } as const;
  writer.kernel(options, (kernel) => {
    const { main } = kernel;
    const read = reader(kernel, x, shape, type);
    const group = beginGroup(main, grid, lines * groups);
    const line = main.let(groups === 1 ? group : `${group} / ${groups}`);
    const own = main.let(`${groups === 1 ? '0' : `${group} % ${groups}`} * ${counters} + i32(lane)`);
    main.line(`if (${own} >= ${length}) { return; }`);
    const leading = Position.at(shape.slice(0, -1), line).axes.map((axis) => main.let(axis));
    main.line(`let entry = ${read}(${[...leading, own].join(', ')});`);
    const vectors = length % 4 === 0 && type === 'f32' ? kernel.vectors(x) : undefined;
    const first = vectors && main.let(`${line} * ${length / 4}`);
    const key = declareKey(kernel, type);
    const four = vectors && declareKey(kernel, 'vec4f');
    countBefore(writer, main, {
      count: length,
      order: '>',
      own: main.let(`${key}(entry)`),
      place: own,
      ...(four
        ? { type: 'vec4u', entries: (i) => `${four}(vec4f(${vectors}[${first} + ${i}]))` }
        : { type: 'u32', entries: (i) => `${key}(${read}(${[...leading, i].join(', ')}))` }),
    });
    main.line(`if (place >= ${k}) { return; }`);
    const there = Position.on(resultShape, [...leading, 'place']);
    kernel.store(main, values, there, 'entry');
    kernel.store(main, places, there, own);
  });
}

/** As many as there are values of the eight bits that a round looks at: each lane clears one counter. */
const lanes = 256;
const bits = 8;
const roundsOfKey = 4;

/**
 * Numbers become u32 in the same order (`declareKey`); places count backwards (`order`), so that of equal numbers those
 * that come first are the larger ones. `high` and `low` are the bits of both that the smallest chosen element surely
 * has; `need` says how many are still to be chosen among the elements that begin with these bits.
 */
function writeSelection(writer: TemplateWriter, top: TopK): void {
  const { x, shape, type, values, places, resultShape, length, k, lines } = top;
  const grid = flatDispatch(lines);
  const options = {
    label: 'TopK',
    workgroupSize: [lanes, 1, 1],
    workgroups: grid.workgroups,
    // Each round reads the line once; the chosen ones are compared in pairs.
    flops: lines * (roundsOfKey * length + k * k),
    bytes: bytesOf(top),
  } as const;
  writer.kernel(options, (kernel) => {
    const { main } = kernel;
    declareSelection(kernel, top);
    const rank = declareKey(kernel, type);
    const read = reader(kernel, x, shape, type);
    const line = beginGroup(main, grid, lines);
    const leading = Position.at(shape.slice(0, -1), line).axes.map((axis) => main.let(axis));
    const at = (i: string): string => `${read}(${[...leading, i].join(', ')})`;
    const each = `for (var i = i32(lane); i < ${loopEnd(writer, length)}; i += ${lanes})`;
    main.line(`var high = 0u; var low = 0u; var need = ${k}u;
for (var round = 0; round < ${roundsOfKey + roundsOfOrder(length)}; round++) {
atomicStore(&counts[lane], 0u);
workgroupBarrier();
let among_keys = round < ${roundsOfKey};
let shift = u32(select(${roundsOfKey + roundsOfOrder(length) - 1}, ${roundsOfKey - 1}, among_keys) - round) * ${bits}u;
${each} {
let key = ${rank}(${at('i')}); let order = u32(${length - 1} - i);
if (among_keys) {
if (((key ^ high) >> shift) < ${lanes}u) { atomicAdd(&counts[(key >> shift) & ${lanes - 1}u], 1u); }
} else if (key == high && ((order ^ low) >> shift) < ${lanes}u) { atomicAdd(&counts[(order >> shift) & ${lanes - 1}u], 1u); }
}
workgroupBarrier();
if (lane == 0u) { bound = boundary(need); }
let found = workgroupUniformLoad(&bound);
if (among_keys) { high |= found.digit << shift; } else { low |= found.digit << shift; }
need = found.need;
if (found.all == 1u) { break; }
}
if (lane == 0u) { atomicStore(&taken, 0u); }
workgroupBarrier();
${each} {
let key = ${rank}(${at('i')});
if (key > high || (key == high && u32(${length - 1} - i) >= low)) {
let slot = atomicAdd(&taken, 1u);
chosen_keys[slot] = key; chosen_places[slot] = i;
}
}
workgroupBarrier();`);
    const inside = kernel.block(main);
    inside.line(`let key = chosen_keys[c]; let own = chosen_places[c]; var place = 0;
for (var j = 0; j < ${loopEnd(writer, k)}; j++) {
let other = chosen_keys[j];
if (other > key || (other == key && chosen_places[j] < own)) { place++; }
}`);
    const there = Position.on(resultShape, [...leading, 'place']);
    kernel.store(inside, values, there, at('own'));
    kernel.store(inside, places, there, 'own');
    main.line(`for (var c = i32(lane); c < ${k}; c += ${lanes}) {\n${inside.text()}}`);
  });
}

/** Places of a line have this many digits. */
const roundsOfOrder = (length: number): number => Math.ceil(Math.log2(length) / bits);

function declareSelection(kernel: KernelBuilder, { k }: TopK): void {
  kernel.declare(`struct Bound { digit: u32, need: u32, all: u32 }
var<workgroup> counts: array<atomic<u32>, ${lanes}>;
var<workgroup> bound: Bound;
var<workgroup> taken: atomic<u32>;
var<workgroup> chosen_keys: array<u32, ${k}>;
var<workgroup> chosen_places: array<i32, ${k}>;`);
  // The digit of the last element that is needed, counted from the largest; whether all with this digit are.
  kernel.declare(`fn boundary(wanted: u32) -> Bound {
var digit = ${lanes - 1}u; var need = wanted; var count = atomicLoad(&counts[digit]);
while (count < need && digit > 0u) { need -= count; digit--; count = atomicLoad(&counts[digit]); }
return Bound(digit, need, select(0u, 1u, count == need));
}`);
}

/**
 * A WGSL function from numbers to u32 in the same order; gives its name. Both zeros are equal. A float's order is that
 * of its bits, backwards where it is negative; what is no number is the largest, whatever its bits are.
 */
function declareKey(kernel: KernelBuilder, type: 'f32' | 'i32' | 'vec4f'): string {
  const [name, u, f] = type === 'vec4f' ? ['rank_keys', 'vec4u', 'vec4f'] : ['rank_key', 'u32', 'f32'];
  kernel.helper(
    name,
    type === 'i32'
      ? 'fn rank_key(entry: i32) -> u32 { return bitcast<u32>(entry) ^ 0x80000000u; }'
      : `fn ${name}(entry: ${f}) -> ${u} {
let bits = select(bitcast<${u}>(entry), ${u}(), entry == ${f}());
let key = select(bits | ${u}(0x80000000u), ~bits, bits >= ${u}(0x80000000u));
return select(key, ${u}(0xffffffffu), (bits & ${u}(0x7fffffffu)) > ${u}(0x7f800000u));
}`,
  );
  return name;
}
