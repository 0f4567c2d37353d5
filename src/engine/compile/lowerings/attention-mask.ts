/**
 * The gradient of a learned mask (a position bias): ds = p·(dy·vᵀ − δ) summed over the axes that the mask was
 * spread over. One invocation per element of the mask; scores are computed once more rather than kept.
 */
import type { TemplateWriter } from '../lowering.ts';
import { sizeOf } from '../position.ts';
import { float } from '../wgsl.ts';
import { type AttentionGeometry, elementReader, maskReader } from './attention-geometry.ts';
import type { BackwardValues } from './attention-kernels.ts';
import { loopEnd, perElement } from './per-element.ts';

export function maskGradient(
  writer: TemplateWriter,
  geometry: AttentionGeometry,
  { dy, rows }: BackwardValues,
  dMask: number,
): void {
  const { batch, heads, queries, keys, width, valueWidth, maskShape, scale } = geometry;
  const sizes = [batch, heads, queries, keys];
  const scores = sizeOf(sizes);
  perElement(
    writer,
    {
      label: 'AttentionGrad mask',
      value: dMask,
      shape: maskShape,
      flops: 2 * scores * (width + valueWidth),
      bytes: 4 * (batch * heads * (queries + keys) * (width + valueWidth) + sizeOf(maskShape)),
    },
    (kernel, scope, at) => {
      const read = {
        q: elementReader(kernel, geometry.q, [batch, heads, queries, width]),
        k: elementReader(kernel, geometry.k, [batch, heads, keys, width]),
        v: elementReader(kernel, geometry.v, [batch, heads, keys, valueWidth]),
        dy: elementReader(kernel, dy, [batch, heads, queries, valueWidth]),
        rows: elementReader(kernel, rows, [batch, heads, queries, 3]),
        mask: maskReader(kernel, geometry)!,
      };
      // An axis of the mask has a coordinate, or it was spread and is summed over.
      const names = ['b', 'h', 'i', 'j'];
      const opened = names.map((name, axis) =>
        maskShape[axis] === 1
          ? `for (var ${name} = 0; ${name} < ${sizes[axis]}; ${name}++) {`
          : `{ let ${name} = ${at.axes[axis]};`,
      );
      scope.line('var result = 0.0;');
      scope.line(`${opened.join('\n')}
var score = 0.0;
for (var d = 0; d < ${loopEnd(writer, width)}; d++) { score = fma(${read.q}(b, h, i, d), ${read.k}(b, h, j, d), score); }
var dp = 0.0;
for (var d = 0; d < ${loopEnd(writer, valueWidth)}; d++) { dp = fma(${read.dy}(b, h, i, d), ${read.v}(b, h, j, d), dp); }
let shifted = score * ${float(scale)} + ${read.mask}(b, h, i, j) - ${read.rows}(b, h, i, 0);
result += exp(shifted) * ${read.rows}(b, h, i, 1) * (dp - ${read.rows}(b, h, i, 2));
} } } }`);
      return 'result';
    },
  );
}
