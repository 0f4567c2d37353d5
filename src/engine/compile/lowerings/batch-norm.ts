/**
 * Mean and squared deviations of each channel in two kernels, as accurate as in two passes over everything: the
 * pixels are cut into pieces, each piece takes its own mean and the deviations from that (its second pass finds
 * the piece in the cache), and pieces are put together by what their means differ (Chan, Golub & LeVeque,
 * "Updating formulae and a pairwise algorithm for computing sample variances", 1979).
 */
import { flatDispatch } from '../dispatch.ts';
import { registerLowering, type TemplateLowering, type TemplateWriter } from '../lowering.ts';
import { Position, sizeOf } from '../position.ts';
import { lanesOf, lanesReader, perInvocation, reader } from './per-element.ts';

/** Invocations that share the pieces of a channel. */
const threads = 64;

interface Pieces {
  readonly rows: number;
  readonly channels: number;
  /** Rows in each piece but the last. */
  readonly length: number;
  readonly count: number;
}

/** On a GPU enough pieces for some ten thousand invocations; a processor has few cores to keep busy. */
function cut({ software }: TemplateWriter, rows: number, channels: number): Pieces {
  const wanted = software ? 16 : Math.min(256, Math.ceil(131_072 / channels));
  const length = Math.max(16, Math.ceil(rows / wanted));
  return { rows, channels, length, count: Math.ceil(rows / length) };
}

registerLowering('OcelliBatchNormStatistics', (node): TemplateLowering => {
  const x = node.input('x');
  const inputShape = node.shapeOf(x);
  const channels = inputShape.at(-1)!;
  const rows = sizeOf(inputShape) / channels;
  return {
    kind: 'template',
    epilogue: true,
    build(writer) {
      const pieces = cut(writer, rows, channels);
      const means = writer.temporary([pieces.count, channels]);
      const squares = writer.temporary([pieces.count, channels]);
      ofPieces(writer, pieces, { x, inputShape, means, squares });
      together(writer, pieces, { means, squares, total: node.output(0), mean: node.output(1) });
    },
  };
});

function ofPieces(
  writer: TemplateWriter,
  { rows, channels, length, count }: Pieces,
  values: {
    readonly x: number;
    readonly inputShape: readonly number[];
    readonly means: number;
    readonly squares: number;
  },
): void {
  const lanes = lanesOf([channels]);
  const groups = channels / lanes.count;
  const options = {
    label: 'BatchNorm pieces',
    count: count * groups,
    flops: 4 * rows * channels,
    bytes: 4 * rows * channels,
  };
  perInvocation(writer, options, (kernel, index) => {
    const { main } = kernel;
    const read = lanesReader(kernel, values.x, [rows, channels], lanes, (at) =>
      at.reshaped(values.inputShape),
    );
    const { type } = lanes;
    main.line(`let piece = ${index} / ${groups}; let channel = ${index} % ${groups} * ${lanes.count};`);
    main.line(`let first = piece * ${length}; let end = min(first + ${length}, ${rows});`);
    main.line(`var sum = ${type}(0.0);`);
    main.line(`for (var i = first; i < end; i++) { sum += ${read}(i, channel); }`);
    main.line(`let mean = sum / ${type}(f32(end - first));`);
    main.line(`var squares = ${type}(0.0);`);
    main.line(
      `for (var i = first; i < end; i++) { let off = ${read}(i, channel) - mean; squares = fma(off, off, squares); }`,
    );
    for (let lane = 0; lane < lanes.count; lane++) {
      const at = Position.on([count, channels], ['piece', main.let(`channel + ${lane}`)]);
      const part = lanes.count === 1 ? '' : `.${'xyzw'[lane]}`;
      kernel.write(main, values.means, at, `mean${part}`);
      kernel.write(main, values.squares, at, `squares${part}`);
    }
  });
}

/** A workgroup per channel; on a processor, where barriers are dear, one invocation. */
function together(
  writer: TemplateWriter,
  { rows, channels, length, count }: Pieces,
  values: Readonly<Record<'means' | 'squares' | 'total' | 'mean', number>>,
): void {
  const shared = writer.software || count === 1 ? 1 : threads;
  const { workgroups, index } = flatDispatch(shared === 1 ? Math.ceil(channels / threads) : channels);
  const label = 'BatchNorm statistics';
  writer.kernel(
    { label, workgroupSize: [threads, 1, 1], workgroups, bytes: 8 * count * channels },
    (kernel) => {
      const { main } = kernel;
      const means = reader(kernel, values.means, [count, channels]);
      const squares = reader(kernel, values.squares, [count, channels]);
      const channel = shared === 1 ? `${index} * ${threads} + i32(lane)` : index;
      main.line(`let channel = ${channel};`);
      main.line(`if (channel >= ${channels}) { return; }`);
      main.line(`let begin = ${shared === 1 ? '0' : 'i32(lane)'};`);
      const summed = (name: string, term: string): void => {
        main.line(`var ${name} = 0.0;`);
        main.line(`for (var piece = begin; piece < ${count}; piece += ${shared}) {
let weight = f32(min(${length}, ${rows} - piece * ${length}));
${name} += ${term};
}`);
        if (shared === 1) return;
        main.line(`workgroupBarrier();\nparts[lane] = ${name};\nworkgroupBarrier();\n${name} = 0.0;`);
        main.line(`for (var i = 0; i < ${shared}; i++) { ${name} += parts[i]; }`);
      };
      if (shared > 1) kernel.declare(`var<workgroup> parts: array<f32, ${shared}>;`);
      summed('sum', `${means}(piece, channel) * weight`);
      main.line(`let mean = sum / ${rows}.0;`);
      summed(
        'total',
        `${squares}(piece, channel) + weight * (${means}(piece, channel) - mean) * (${means}(piece, channel) - mean)`,
      );
      const inside = kernel.block(main);
      const at = Position.on([channels], ['channel']);
      kernel.write(inside, values.mean, at, 'mean');
      kernel.store(inside, values.total, at, 'total');
      main.line(shared === 1 ? `{\n${inside.text()}}` : `if (lane == 0u) {\n${inside.text()}}`);
    },
  );
}
