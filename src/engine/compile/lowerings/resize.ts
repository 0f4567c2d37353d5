/**
 * Resizing by weight matrices along height and width (`ops/interpolate.ts`), and its gradient, the same with
 * transposed matrices. The matrices are constants with a few numbers beside the diagonal; only that band is read.
 *
 * Where the band is narrow both axes are done in one kernel; a wide one (shrinking with antialias, adaptive
 * pooling) is cheaper one axis after the other.
 */
import {
  type LoweringNode,
  registerLowering,
  type TemplateLowering,
  type TemplateWriter,
} from '../lowering.ts';
import { sizeOf } from '../position.ts';
import { lanesReader, perLanes, reader } from './per-element.ts';

/** A weight matrix as seen from the result: which sources go into result i. */
interface Axis {
  readonly matrix: number;
  readonly sources: number;
  readonly results: number;
  /** The matrix has a row per source: the gradient. */
  readonly transposed: boolean;
  /** Sources of result i lie in floor(i·sources/results) + [from, to]. */
  readonly from: number;
  readonly to: number;
}

function axisOf(node: LoweringNode, input: string, transposed: boolean): Axis {
  const matrix = node.input(input);
  const [rows, columns] = node.shapeOf(matrix) as [number, number];
  const [results, sources] = transposed ? [columns, rows] : [rows, columns];
  const weights = node.constantOf(matrix);
  let [from, to] = weights ? [sources, -sources] : [-sources, sources];
  for (let result = 0; weights && result < results; result++) {
    const base = Math.floor((result * sources) / results);
    for (let source = 0; source < sources; source++) {
      const weight = transposed ? weights[source * columns + result] : weights[result * columns + source];
      if (weight === 0) continue;
      from = Math.min(from, source - base);
      to = Math.max(to, source - base);
    }
  }
  return { matrix, sources, results, transposed, from, to };
}

const taps = ({ from, to, sources }: Axis): number => Math.max(0, Math.min(to - from + 1, sources));

/** A loop over the sources of result `at`, with `name` the source and `weight` what it counts. */
function overSources(
  { sources, results, transposed, from, to }: Axis,
  weights: string,
  at: string,
  name: string,
  body: string,
): string {
  const base = `${at} * ${sources} / ${results}`;
  const weight = transposed ? `${weights}(${name}, ${at})` : `${weights}(${at}, ${name})`;
  return `for (var ${name} = max(${base} + ${from}, 0); ${name} <= min(${base} + ${to}, ${sources - 1}); ${name}++) {
let ${name}Weight = ${weight};
if (${name}Weight != 0.0) {
${body}
} }`;
}

interface Passes {
  readonly input: number;
  readonly inputShape: readonly number[];
  readonly output: number;
  readonly label: string;
}

function alongOne(
  writer: TemplateWriter,
  axis: Axis,
  which: 1 | 2,
  { input, inputShape, output, label }: Passes,
): void {
  const shape = inputShape.map((size, i) => (i === which ? axis.results : size));
  perLanes(
    writer,
    {
      label,
      value: output,
      shape,
      flops: 2 * sizeOf(shape) * taps(axis),
      bytes: 4 * (sizeOf(shape) + sizeOf(inputShape)),
    },
    (kernel, scope, axes, lanes) => {
      const read = lanesReader(kernel, input, inputShape, lanes);
      const weights = matrixReader(kernel, axis);
      const from = axes.map((name, i) => (i === which ? 'source' : name));
      scope.line(`var result = ${lanes.type}(0.0);`);
      const body = `result = fma(${lanes.type}(sourceWeight), ${read}(${from.join(', ')}), result);`;
      scope.line(overSources(axis, weights, axes[which]!, 'source', body));
      return 'result';
    },
  );
}

const matrixReader = (kernel: Parameters<typeof reader>[0], axis: Axis): string =>
  reader(kernel, axis.matrix, axis.transposed ? [axis.sources, axis.results] : [axis.results, axis.sources]);

function alongBoth(writer: TemplateWriter, rows: Axis, columns: Axis, passes: Passes): void {
  const { input, inputShape, output, label } = passes;
  const shape = [inputShape[0]!, rows.results, columns.results, inputShape[3]!];
  perLanes(
    writer,
    {
      label,
      value: output,
      shape,
      flops: 2 * sizeOf(shape) * taps(rows) * taps(columns),
      bytes: 4 * (sizeOf(shape) + sizeOf(inputShape)),
    },
    (kernel, scope, axes, lanes) => {
      const read = lanesReader(kernel, input, inputShape, lanes);
      const [rowWeights, columnWeights] = [matrixReader(kernel, rows), matrixReader(kernel, columns)];
      const [b, y, x, c] = axes as [string, string, string, string];
      scope.line(`var result = ${lanes.type}(0.0);`);
      const inner = overSources(
        columns,
        columnWeights,
        x,
        'column',
        `line = fma(${lanes.type}(columnWeight), ${read}(${b}, row, column, ${c}), line);`,
      );
      const body = `var line = ${lanes.type}(0.0);\n${inner}\nresult = fma(${lanes.type}(rowWeight), line, result);`;
      scope.line(overSources(rows, rowWeights, y, 'row', body));
      return 'result';
    },
  );
}

function resize(node: LoweringNode, input: string, transposed: boolean): TemplateLowering {
  const rows = axisOf(node, 'rows', transposed);
  const columns = axisOf(node, 'columns', transposed);
  const inputShape = node.shapeOf(node.input(input));
  const passes = { input: node.input(input), inputShape, output: node.output(), label: node.node.kernel };
  return {
    kind: 'template',
    epilogue: true,
    build(writer) {
      if (taps(rows) * taps(columns) <= 25) {
        alongBoth(writer, rows, columns, passes);
        return;
      }
      const [batch, , width, channels] = inputShape as [number, number, number, number];
      const between = [batch, rows.results, width, channels];
      const temporary = writer.temporary(between);
      alongOne(writer, rows, 1, { ...passes, output: temporary });
      alongOne(writer, columns, 2, { ...passes, input: temporary, inputShape: between });
    },
  };
}

registerLowering('OcelliResizeAxes', (node) => resize(node, 'x', false));
registerLowering('OcelliResizeAxesGrad', (node) => resize(node, 'dy', true));
