/**
 * Pooling over windows of [B, H, W, C] and its gradients. The gradients gather: a pixel looks at the windows that
 * it lies in, so each has one writer.
 *
 * The gradient of a maximum goes to the first largest pixel of a window, as in torch. Which one that was is not
 * kept: a pixel below the window's maximum is out at once, and only one that equals it looks at those before it. In
 * half precision the maximum may have been rounded otherwise than the pixel that it was, so there the pixel looks at
 * the whole window.
 */
import type { KernelBuilder } from '../kernel-builder.ts';
import {
  type LoweringNode,
  registerLowering,
  type Scope,
  type TemplateLowering,
  type TemplateWriter,
} from '../lowering.ts';
import { sizeOf } from '../position.ts';
import { float } from '../wgsl.ts';
import { type Lanes, lanesReader, perLanes } from './per-element.ts';

type Pair = readonly [height: number, width: number];

interface Windows {
  readonly kernel: Pair;
  readonly stride: Pair;
  /** Above and left of the image; windows may also reach over the other edges. */
  readonly before: Pair;
  readonly image: readonly [batch: number, height: number, width: number, channels: number];
  /** Windows along both axes. */
  readonly count: Pair;
}

type Shape4 = Windows['image'];

/** Of our own pooling operations. */
function ownWindows(node: LoweringNode, image: readonly number[], result: readonly number[]): Windows {
  const { kernel, stride, padding } = node.attrs as unknown as {
    readonly kernel: Pair;
    readonly stride: Pair;
    readonly padding: readonly [number, number, number, number];
  };
  return {
    kernel,
    stride,
    before: [padding[0], padding[2]],
    image: image as Shape4,
    count: [result[1]!, result[2]!],
  };
}

/** Of TensorFlow.js' kernels, without padding. */
function plainWindows(
  node: LoweringNode,
  image: readonly number[],
  result: readonly number[],
): Windows | undefined {
  const { filterSize, strides, pad } = node.attrs;
  if (pad !== 'valid') return undefined;
  const both = (value: unknown): Pair => (typeof value === 'number' ? [value, value] : (value as Pair));
  return {
    kernel: both(filterSize),
    stride: both(strides),
    before: [0, 0],
    image: image as Shape4,
    count: [result[1]!, result[2]!],
  };
}

const lowest = '-3.4e38f';

/**
 * A loop over the pixels of window (y, x) that lie in the image: `body` may use `row` and `column`. `until`: only
 * those before this pixel.
 */
function overWindow(
  { kernel, stride, before, image }: Windows,
  y: string,
  x: string,
  body: string,
  until?: { readonly row: string; readonly column: string },
): string {
  const limits = (axis: 0 | 1, at: string): [string, string] => [
    `max(${at} * ${stride[axis]} - ${before[axis]}, 0)`,
    `min(${at} * ${stride[axis]} - ${before[axis]} + ${kernel[axis]}, ${image[axis + 1]})`,
  ];
  const [firstRow, lastRow] = limits(0, y);
  const [firstColumn, lastColumn] = limits(1, x);
  const endRow = until ? `${until.row} + 1` : lastRow;
  const endColumn = until ? `select(${lastColumn}, ${until.column}, row == ${until.row})` : lastColumn;
  return `for (var row = ${firstRow}; row < ${endRow}; row++) {
for (var column = ${firstColumn}; column < ${endColumn}; column++) {
${body}
} }`;
}

/** A loop over the windows that pixel (y, x) lies in: `body` may use `windowRow` and `windowColumn`. */
function overWindowsOf(
  { kernel, stride, before, count }: Windows,
  y: string,
  x: string,
  body: string,
): string {
  // Window w covers stride·w − before … + kernel − 1. Sums below are kept above zero: i32 division truncates.
  const first = (axis: 0 | 1, at: string): string =>
    `max((${at} + ${before[axis] - kernel[axis] + 1 + kernel[axis] * stride[axis] + stride[axis] - 1}) / ${stride[axis]} - ${kernel[axis]}, 0)`;
  const last = (axis: 0 | 1, at: string): string =>
    `min((${at} + ${before[axis]}) / ${stride[axis]}, ${count[axis] - 1})`;
  return `for (var windowRow = ${first(0, y)}; windowRow <= ${last(0, y)}; windowRow++) {
for (var windowColumn = ${first(1, x)}; windowColumn <= ${last(1, x)}; windowColumn++) {
${body}
} }`;
}

/**
 * Lanes of the result, each from the windows around it.
 *
 * @param taps numbers that go into an element
 * @param read elements that are read
 */
function fromWindows(
  node: LoweringNode,
  { taps, read }: { readonly taps: number; readonly read: number },
  compute: (
    kernel: KernelBuilder,
    scope: Scope,
    axes: readonly [string, string, string, string],
    lanes: Lanes,
    writer: TemplateWriter,
  ) => string,
): TemplateLowering {
  const value = node.output();
  const shape = node.shapeOf(value);
  const size = sizeOf(shape);
  const facts = { label: node.node.kernel, value, shape, flops: size * taps, bytes: 4 * (size + read) };
  return {
    kind: 'template',
    epilogue: true,
    build: (writer) =>
      perLanes(writer, facts, (kernel, scope, axes, lanes) =>
        compute(kernel, scope, axes as [string, string, string, string], lanes, writer),
      ),
  };
}

const tapsOf = ({ kernel: [rows, columns] }: Windows): number => rows * columns;

function pool(node: LoweringNode, windows: Windows | undefined, mean: boolean): TemplateLowering | undefined {
  if (!windows) return undefined;
  const taps = tapsOf(windows);
  return fromWindows(node, { taps, read: sizeOf(windows.image) }, (kernel, scope, [b, y, x, c], lanes) => {
    const read = lanesReader(kernel, node.input('x'), windows.image, lanes);
    const element = `${read}(${b}, row, column, ${c})`;
    scope.line(`var result = ${lanes.type}(${mean ? '0.0' : lowest});`);
    const body = mean ? `result += ${element};` : `result = max(result, ${element});`;
    scope.line(overWindow(windows, y, x, body));
    return mean ? `result * ${float(1 / taps)}` : 'result';
  });
}

function maxGradient(
  node: LoweringNode,
  windows: Windows | undefined,
  x: string,
  y: string,
): TemplateLowering | undefined {
  if (!windows) return undefined;
  const read = sizeOf(windows.image) + 2 * sizeOf(node.shapeOf(node.input('dy')));
  return fromWindows(
    node,
    { taps: tapsOf(windows), read },
    (kernel, scope, [b, row, column, c], lanes, writer) => {
      const result = node.shapeOf(node.input(y));
      const image = lanesReader(kernel, node.input(x), windows.image, lanes);
      const largest = lanesReader(kernel, node.input(y), result, lanes);
      const dy = lanesReader(kernel, node.input('dy'), result, lanes);
      const there = `${b}, windowRow, windowColumn, ${c}`;
      const other = `${image}(${b}, row, column, ${c})`;
      // Is there an equal pixel before this one in the window?
      const before = { row, column };
      const earlier = overWindow(
        windows,
        'windowRow',
        'windowColumn',
        `own = own & (${other} != value);`,
        before,
      );
      const larger = overWindow(windows, 'windowRow', 'windowColumn', `own = own & (${other} <= value);`);
      const start = writer.half
        ? `var own = value == value;\n${larger}`
        : `var own = value == ${largest}(${there});`;
      scope.line(`let value = ${image}(${b}, ${row}, ${column}, ${c});`);
      scope.line(`var result = ${lanes.type}(0.0);`);
      scope.line(
        overWindowsOf(
          windows,
          row,
          column,
          `${start}
if (any(own)) {
${earlier}
result += select(${lanes.type}(0.0), ${dy}(${there}), own);
}`,
        ),
      );
      return 'result';
    },
  );
}

function averageGradient(node: LoweringNode, windows: Windows | undefined): TemplateLowering | undefined {
  if (!windows) return undefined;
  const taps = tapsOf(windows);
  const result = node.shapeOf(node.input('dy'));
  return fromWindows(node, { taps, read: sizeOf(result) }, (kernel, scope, [b, row, column, c], lanes) => {
    const dy = lanesReader(kernel, node.input('dy'), result, lanes);
    scope.line(`var result = ${lanes.type}(0.0);`);
    const body = `result += ${dy}(${b}, windowRow, windowColumn, ${c});`;
    scope.line(overWindowsOf(windows, row, column, body));
    return `result * ${float(1 / taps)}`;
  });
}

const resultOf = (node: LoweringNode): readonly number[] => node.shapeOf(node.output());
const inputOf = (node: LoweringNode, name: string): readonly number[] => node.shapeOf(node.input(name));

registerLowering('OcelliMaxPool2d', (node) =>
  pool(node, ownWindows(node, inputOf(node, 'x'), resultOf(node)), false),
);
registerLowering('OcelliAveragePool2d', (node) =>
  pool(node, ownWindows(node, inputOf(node, 'x'), resultOf(node)), true),
);
registerLowering('MaxPool', (node) =>
  pool(node, plainWindows(node, inputOf(node, 'x'), resultOf(node)), false),
);
registerLowering('AvgPool', (node) =>
  pool(node, plainWindows(node, inputOf(node, 'x'), resultOf(node)), true),
);
registerLowering('OcelliMaxPool2dGrad', (node) =>
  maxGradient(node, ownWindows(node, resultOf(node), inputOf(node, 'dy')), 'x', 'y'),
);
registerLowering('MaxPoolGrad', (node) =>
  maxGradient(node, plainWindows(node, resultOf(node), inputOf(node, 'dy')), 'input', 'output'),
);
registerLowering('OcelliAveragePool2dGrad', (node) =>
  averageGradient(node, ownWindows(node, resultOf(node), inputOf(node, 'dy'))),
);
registerLowering('AvgPoolGrad', (node) =>
  averageGradient(node, plainWindows(node, resultOf(node), inputOf(node, 'dy'))),
);
