/**
 * Attention and its gradients (FlashAttention, arXiv:2205.14135): on a GPU by tiles, without the score matrix in
 * memory; on a software adapter by products, with it, as long as it is small.
 */
import {
  type LoweringNode,
  registerLowering,
  type TemplateLowering,
  type TemplateWriter,
} from '../lowering.ts';
import { type AttentionGeometry, attentionGeometry } from './attention-geometry.ts';
import {
  attentionForward,
  attentionKeyGradient,
  attentionQueryGradient,
  attentionRows,
} from './attention-kernels.ts';
import { maskGradient } from './attention-mask.ts';
import { backwardByProducts, forwardByProducts } from './attention-products.ts';
import { invocations, type TileShape, workgroupBytes } from './attention-tiles.ts';

/** From the largest on: the first that fits into the adapter's limits is taken. */
const shapes: readonly TileShape[] = [
  { across: 16, down: 16, slice: 16 },
  { across: 16, down: 8, slice: 16 },
  { across: 8, down: 8, slice: 8 },
  { across: 8, down: 4, slice: 8 },
];

/** Rows of 32 elements or less would leave half of 16 invocations without work. */
const narrow: readonly TileShape[] = [
  { across: 8, down: 16, slice: 16 },
  { across: 8, down: 8, slice: 8 },
];

/** For a software adapter whose scores fill no buffer. */
const softwareShape: TileShape = { across: 8, down: 4, slice: 8, rolled: true };

function shapeFor(
  { limits, software, subgroup }: TemplateWriter,
  { width, valueWidth }: AttentionGeometry,
): TileShape {
  if (software) return { ...softwareShape, subgroup };
  const longest = Math.max(width, valueWidth);
  const bytes = limits.maxComputeWorkgroupStorageSize ?? 16_384;
  const most = limits.maxComputeInvocationsPerWorkgroup ?? 256;
  const fits = (shape: TileShape): boolean =>
    invocations(shape) <= most && workgroupBytes(shape, longest) <= bytes;
  const candidates = longest <= 32 ? narrow : shapes;
  return { ...(candidates.find(fits) ?? candidates.at(-1)!), subgroup };
}

/** Scores above this stay out of a software adapter's memory, too. */
const largestScores = 2 ** 27;

function keepsScores({ limits, software }: TemplateWriter, geometry: AttentionGeometry): boolean {
  const { batch, heads, queries, keys } = geometry;
  const bytes = 4 * batch * heads * queries * keys;
  return software && bytes <= Math.min(largestScores, limits.maxStorageBufferBindingSize ?? largestScores);
}

function forward(node: LoweringNode): TemplateLowering {
  const geometry = attentionGeometry(node);
  const outputs = { y: node.output(0), statistics: node.output(1) };
  return {
    kind: 'template',
    epilogue: true,
    build(writer) {
      if (keepsScores(writer, geometry)) forwardByProducts(writer, geometry, outputs);
      else attentionForward(writer, shapeFor(writer, geometry), geometry, outputs);
    },
  };
}

function backward(node: LoweringNode): TemplateLowering {
  const geometry = attentionGeometry(node);
  const [dy, y, statistics] = [node.input('dy'), node.input('y'), node.input('statistics')];
  const [dq, dk, dv] = [node.output(0), node.output(1), node.output(2)];
  const dMask = node.attrs.learnedMask === true ? node.output(3) : undefined;
  const { batch, heads, queries } = geometry;
  return {
    kind: 'template',
    epilogue: true,
    build(writer) {
      const rows = writer.temporary([batch, heads, queries, 3]);
      const values = { dy, rows };
      attentionRows(writer, geometry, { dy, y, statistics, rows });
      if (keepsScores(writer, geometry)) {
        backwardByProducts(writer, geometry, { ...values, dq, dk, dv });
      } else {
        const shape = shapeFor(writer, geometry);
        attentionQueryGradient(writer, shape, geometry, values, dq);
        attentionKeyGradient(writer, shape, geometry, values, { dk, dv });
      }
      if (dMask !== undefined) maskGradient(writer, geometry, values, dMask);
    },
  };
}

registerLowering(['OcelliAttention', 'OcelliMaskedAttention'], forward);
registerLowering(['OcelliAttentionGrad', 'OcelliMaskedAttentionGrad'], backward);
