/** Templates with one invocation per output element: it gathers what goes into it, so nothing is added twice. */
import { flatDispatch } from '../dispatch.ts';
import type { KernelBuilder } from '../kernel-builder.ts';
import type { Scope, TemplateWriter } from '../lowering.ts';
import { opaque } from '../opaque.ts';
import { Position, sizeOf } from '../position.ts';

const threads = 64;

export interface PerElement {
  readonly label: string;
  /** What is stored. */
  readonly value: number;
  readonly shape: readonly number[];
  readonly flops?: number;
  readonly bytes?: number;
}

/** How many neighbours along the last axis an invocation computes: what is the same for them is done once. */
export interface Lanes {
  readonly count: 1 | 4;
  /** Of the lanes together, in WGSL. */
  readonly type: 'f32' | 'vec4f';
}

export const lanesOf = (shape: readonly number[]): Lanes =>
  shape.length > 0 && shape.at(-1)! % 4 === 0 ? { count: 4, type: 'vec4f' } : { count: 1, type: 'f32' };

/** As `perElement`, for f32: `compute` gives the lanes from the position on as one expression. */
export function perLanes(
  writer: TemplateWriter,
  { label, value, shape, flops = 0, bytes = 0 }: PerElement,
  compute: (kernel: KernelBuilder, scope: Scope, axes: readonly string[], lanes: Lanes) => string,
): void {
  const lanes = lanesOf(shape);
  const { count } = lanes;
  const groups = [...shape.slice(0, -1), (shape.at(-1) ?? 1) / count];
  perInvocation(writer, { label, count: sizeOf(groups), flops, bytes }, (kernel, index) => {
    const { main } = kernel;
    const leading = Position.at(groups, index).axes.map((axis) => main.let(axis));
    const group = leading.pop()!;
    const first = count === 1 ? group : main.let(`${group} * ${count}`);
    const axes = shape.length === 0 ? [] : [...leading, first];
    const result = main.let(compute(kernel, main, axes, lanes));
    const start = count === 1 ? index : main.let(`${index} * ${count}`);
    for (let lane = 0; lane < count; lane++) {
      const offset = lane === 0 ? start : main.let(`${start} + ${lane}`);
      const last = lane === 0 ? first : main.let(`${first} + ${lane}`);
      const at = Position.both(shape, offset, shape.length === 0 ? [] : [...leading, last]);
      kernel.store(main, value, at, count === 1 ? result : `${result}.${'xyzw'[lane]}`);
    }
  });
}

/**
 * A WGSL function that reads the lanes from a place on: as `reader`, where the last parameter is the first lane.
 * `find` keeps the row-major order.
 */
export function lanesReader(
  kernel: KernelBuilder,
  value: number,
  shape: readonly number[],
  { count, type }: Lanes,
  find?: (at: Position) => Position,
): string {
  if (count === 1) return reader(kernel, value, shape, 'f32', find);
  const parameters = shape.map((_, axis) => `i${axis}`);
  const vectors = kernel.vectors(value);
  const { offset } = Position.on(shape, parameters);
  if (vectors) return kernel.fn(parameters, type, () => `vec4f(${vectors}[${offset} / 4])`);
  const one = reader(kernel, value, shape, 'f32', find);
  const last = parameters.at(-1)!;
  const calls = [0, 1, 2, 3].map(
    (lane) => `${one}(${[...parameters.slice(0, -1), `${last} + ${lane}`].join(', ')})`,
  );
  return kernel.fn(parameters, type, () => `vec4f(${calls.join(', ')})`);
}

/** `compute` gives the element at a position as an expression. */
export function perElement(
  writer: TemplateWriter,
  { label, value, shape, flops = 0, bytes = 0 }: PerElement,
  compute: (kernel: KernelBuilder, scope: Scope, at: Position) => string,
): void {
  perInvocation(writer, { label, count: sizeOf(shape), flops, bytes }, (kernel, index) => {
    const axes = Position.at(shape, index).axes.map((axis) => kernel.main.let(axis));
    const at = Position.both(shape, index, axes);
    kernel.store(kernel.main, value, at, compute(kernel, kernel.main, at));
  });
}

/** One invocation for each of `count` numbers; `write` gets its name. */
export function perInvocation(
  writer: TemplateWriter,
  options: Pick<PerElement, 'label' | 'flops' | 'bytes'> & { readonly count: number },
  write: (kernel: KernelBuilder, index: string) => void,
): void {
  const { label, count, flops = 0, bytes = 0 } = options;
  if (count === 0) return;
  const { workgroups, index } = flatDispatch(Math.ceil(count / threads));
  writer.kernel({ label, workgroupSize: [threads, 1, 1], workgroups, flops, bytes }, (kernel) => {
    const { main } = kernel;
    const own = main.let(`${index} * ${threads} + i32(lane)`);
    main.line(`if (${own} >= ${count}) { return; }`);
    write(kernel, own);
  });
}

/** The end of a loop in these kernels. A software adapter's compiler would write a loop of known length out. */
export const loopEnd = ({ software }: TemplateWriter, count: number): string =>
  software ? opaque(count, 'z') : String(count);

interface Line {
  readonly count: number;
  /** '>': the largest is the first. */
  readonly order: '<' | '>';
  /** The invocation's own element and where it stands. */
  readonly own: string;
  readonly place: string;
  /** What `entries` gives: the `i`-th element, or the `i`-th four of them (`count` is a multiple of four then). */
  readonly type: 'i32' | 'u32' | 'vec4i' | 'vec4u';
  entries(i: string): string;
}

/** Leaves the place of an invocation's element in the order of a line as `place`; of equal ones the first comes first. */
export function countBefore(
  writer: TemplateWriter,
  scope: Scope,
  { count, order, own, place, type, entries }: Line,
): void {
  const four = type.startsWith('vec4');
  const counter = four ? 'vec4i' : 'i32';
  const at = four ? 'vec4i(4 * i) + vec4i(0, 1, 2, 3)' : 'i';
  scope.line(`var places = ${counter}(0);
for (var i = 0; i < ${loopEnd(writer, four ? count / 4 : count)}; i++) {
let others = ${entries('i')};
let before = (others ${order} ${type}(${own})) | ((others == ${type}(${own})) & (${at} < ${counter}(${place})));
places += select(${counter}(0), ${counter}(1), before);
}
let place = ${four ? 'places.x + places.y + places.z + places.w' : 'places'};`);
}

/** A WGSL function that reads an element of a value, of one i32 per axis of `shape`; `find` says where that is. */
export function reader(
  kernel: KernelBuilder,
  value: number,
  shape: readonly number[],
  type = 'f32',
  find: (at: Position) => Position = (at) => at,
): string {
  const parameters = shape.map((_, axis) => `i${axis}`);
  return kernel.fn(parameters, type, (scope) => scope.element(value, find(Position.on(shape, parameters))));
}
