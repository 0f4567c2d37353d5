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
