/**
 * A product by subgroup matrices: all invocations of a subgroup together multiply small matrices of f16 and add in
 * f32, on units that GPUs have for that (`chromium_experimental_subgroup_matrix`, Dawn only).
 *
 * As in `mat-mul-tile.ts` a workgroup brings blocks of both operands into workgroup memory, here as f16; each of its
 * subgroups owns a part of the results and walks through the blocks one small matrix at a time. Results pass through
 * workgroup memory once more, because a matrix says nothing of who holds which element.
 *
 * What the units do stands in the four functions of `matrixOperations` alone. The tuner takes such a form only where
 * the device gives the same numbers with it as with a plain one.
 */
import type { Scope } from '../lowering.ts';
import { Block, sumOverBlocks } from './mat-mul-block.ts';
import type { Multiplication } from './mat-mul-multiplication.ts';
import type { SubgroupMatrices } from './mat-mul-tiles.ts';

type Side = 'Left' | 'Right';

/** Where the matrices of a block begin, and how far apart its rows (or columns) are. */
interface Source {
  readonly memory: string;
  readonly order: 'row_major' | 'col_major';
  readonly stride: number;
}

/** WGSL of the types and functions that are the device's own. Offsets count numbers; `staged` is array<f32>. */
export function matrixOperations(
  { M, N, K }: SubgroupMatrices,
  sources: Readonly<Record<Side, Source>>,
): string {
  const load = (side: Side): string => {
    const { memory, order, stride } = sources[side];
    return `fn load${side}(offset: i32) -> ${side} { return subgroupMatrixLoad<${side}, ${order}>(&${memory}, u32(offset), ${stride}u); }`;
  };
  return [
    `alias Left = subgroup_matrix_left<f16, ${K}, ${M}>;`,
    `alias Right = subgroup_matrix_right<f16, ${N}, ${K}>;`,
    `alias Sums = subgroup_matrix_result<f32, ${N}, ${M}>;`,
    load('Left'),
    load('Right'),
    'fn multiplied(a: Left, b: Right, sums: Sums) -> Sums { return subgroupMatrixMultiplyAccumulate(a, b, sums); }',
    `fn stage(offset: i32, sums: Sums) { subgroupMatrixStore<row_major>(&staged, u32(offset), sums, ${N}u); }`,
  ].join('\n');
}

export function writeMatrix(work: Multiplication, matrix: SubgroupMatrices): void {
  const { kernel, tile, shape, a, b } = work;
  const { main } = kernel;
  const { M, N, K, size } = matrix;
  const across = tile.columns / tile.perColumn;
  const subgroups = across * (tile.rows / tile.perRow);
  for (const feature of ['f16', 'subgroups', 'chromium_experimental_subgroup_matrix']) kernel.enable(feature);
  const common = { kernel, lanes: subgroups * size, depth: tile.depth, batch: work.batch, half: true };
  const rows = new Block(common, a, tile.rows, work.row, shape.rows);
  const columns = new Block(common, b, tile.columns, work.column, shape.columns);
  kernel.declare(`var<workgroup> staged: array<f32, ${subgroups * M * N}>;`);
  const sourceOf = (block: Block, side: Side): Source => ({
    memory: block.memory,
    // Terms run along the rows of the left matrix, and along the columns of the right one.
    order: (block.along === 'inner') === (side === 'Left') ? 'row_major' : 'col_major',
    stride: block.stride,
  });
  kernel.declare(
    matrixOperations(matrix, { Left: sourceOf(rows, 'Left'), Right: sourceOf(columns, 'Right') }),
  );
  // Equal in all of a subgroup, and known to be: places of matrices must be.
  const own = main.let(`i32(${kernel.builtin('subgroup_id', 'u32')})`);
  const firstRow = main.let(`${own} / ${across} * ${tile.perRow}`);
  const firstColumn = main.let(`${own} % ${across} * ${tile.perColumn}`);
  const down = Array.from({ length: tile.perRow / M }, (_, i) => i);
  const along = Array.from({ length: tile.perColumn / N }, (_, j) => j);
  for (const i of down) for (const j of along) main.line(`var c${i}_${j} = Sums();`);

  const multiply = (outer: Scope): void => {
    const scope = kernel.block(outer);
    for (const i of down)
      scope.line(`let a${i} = loadLeft(${rows.offset(`${firstRow} + ${i * M}`, `t * ${K}`)});`);
    for (const j of along) {
      scope.line(`let b${j} = loadRight(${columns.offset(`${firstColumn} + ${j * N}`, `t * ${K}`)});`);
      for (const i of down) scope.line(`c${i}_${j} = multiplied(a${i}, b${j}, c${i}_${j});`);
    }
    outer.line(`for (var t = 0; t < ${tile.depth / K}; t++) {\n${scope.text()}}`);
  };
  sumOverBlocks(work, rows, columns, multiply, String);

  const vectors = (M * N) / 4;
  for (const i of down) {
    for (const j of along) {
      main.line(`workgroupBarrier();\nstage(${own} * ${M * N}, c${i}_${j});\nworkgroupBarrier();`);
      const inside = kernel.block(main);
      const place = inside.let(`at * 4 % ${N}`);
      const row = inside.let(`${work.row} + ${firstRow} + ${i * M} + at * 4 / ${N}`);
      const from = inside.let(`${own} * ${M * N} + at * 4`);
      const four = [0, 1, 2, 3].map((q) => `staged[${from} + ${q}]`).join(', ');
      const results = inside.let(`vec4<f32>(${four})`);
      const column = inside.let(`${work.column} + ${firstColumn} + ${j * N} + ${place}`);
      work.store(inside, [row], [[results]], (_, q) => `${column} + ${q}`);
      main.line(`for (var at = i32(lane) % ${size}; at < ${vectors}; at += ${size}) {\n${inside.text()}}`);
    }
  }
}
