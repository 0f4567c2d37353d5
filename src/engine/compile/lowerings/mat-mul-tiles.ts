/**
 * How a matrix product is cut into pieces, and which way suits which product on which kind of adapter.
 *
 * `tile`: a workgroup brings a block of both operands into workgroup memory and every invocation multiplies a
 * small part of it, the usual way on a GPU. `direct`: every invocation reads its operands from memory and keeps
 * its part of the result in registers, without barriers. Adapters that compute on the processor need that: a
 * barrier there saves and restores all invocations, and rows that are the same for the whole workgroup are read
 * once for all lanes (512³ on lavapipe, two cores: 18 GFLOP/s direct, 4 with TensorFlow.js' blocks).
 *
 * Few results and a long sum leave most of a GPU idle: the sum is then split over workgroups, and a second
 * kernel adds the parts in a fixed order.
 */

/** Sizes of one product: `batch` times [rows, depth] · [depth, columns]. */
export interface ProductShape {
  readonly batch: number;
  readonly rows: number;
  readonly columns: number;
  readonly depth: number;
}

export interface Tile {
  readonly kind: 'tile' | 'direct' | 'matrix';
  /** Results of one workgroup. */
  readonly rows: number;
  readonly columns: number;
  /** Terms of the sum that a workgroup keeps in workgroup memory (`tile`) or reads at a time (`direct`). */
  readonly depth: number;
  /** Results of one invocation (`matrix`: of one subgroup); columns are a multiple of four. */
  readonly perRow: number;
  readonly perColumn: number;
  /** Parts that the sum is split into. */
  readonly splits: number;
}

/** Matrices of f16 that a subgroup multiplies, [M, K] · [K, N], with sums in f32. */
export interface SubgroupMatrices {
  readonly M: number;
  readonly N: number;
  readonly K: number;
  /** Invocations of a subgroup, always. */
  readonly size: number;
}

export interface ProductTarget {
  readonly matrices?: SubgroupMatrices | undefined;
  /** The adapter computes on the processor. */
  readonly software: boolean;
  readonly workgroupStorage: number;
  readonly invocations: number;
}

export function targetOf({
  software,
  limits,
  matrices,
}: {
  readonly software: boolean;
  readonly limits: Readonly<Record<string, number>>;
  readonly matrices?: SubgroupMatrices | undefined;
}): ProductTarget {
  return {
    matrices,
    software,
    workgroupStorage: limits.maxComputeWorkgroupStorageSize ?? 16384,
    invocations: Math.min(
      limits.maxComputeInvocationsPerWorkgroup ?? 256,
      limits.maxComputeWorkgroupSizeX ?? 256,
    ),
  };
}

type Form = Omit<Tile, 'splits'> & {
  /** Arithmetic per time when all units are busy, relative to the best: how often a value that was read is used. */
  readonly speed: number;
  /** Products with less arithmetic than this don't earn back what the form takes to compile. */
  readonly fewest: number;
};

const form = (
  kind: Tile['kind'],
  [rows, columns, depth]: readonly [number, number, number],
  [perRow, perColumn]: readonly [number, number],
  speed: number,
  fewest = 0,
): Form => ({ kind, rows, columns, depth, perRow, perColumn, speed, fewest });

/** By subgroups: their results are `perRow` × `perColumn`. */
const matrixForms: readonly Form[] = [
  form('matrix', [128, 128, 32], [64, 32], 1),
  form('matrix', [64, 128, 32], [32, 32], 1),
  form('matrix', [128, 64, 32], [32, 32], 1),
  form('matrix', [64, 64, 32], [32, 32], 1),
  form('matrix', [64, 32, 32], [16, 32], 1),
];

/** FLOPs of a product for which 200 ms of compiling (lavapipe) are made up for within a hundred steps or so. */
const worthCompiling = 48e6;

const gpuForms: readonly Form[] = [
  form('tile', [128, 128, 8], [8, 8], 1),
  form('tile', [128, 64, 16], [8, 4], 0.92),
  form('tile', [64, 128, 16], [4, 8], 0.92),
  form('tile', [64, 64, 16], [4, 4], 0.8),
  form('tile', [32, 64, 16], [2, 4], 0.55),
  form('tile', [64, 32, 16], [2, 4], 0.55),
  form('tile', [32, 32, 16], [2, 4], 0.45),
  form('tile', [16, 64, 16], [1, 4], 0.35),
  form('tile', [64, 16, 16], [2, 4], 0.4),
];

/**
 * Speeds as measured on lavapipe, two cores: 8 × 8 results for an invocation give 17 to 20 GFLOP/s, 4 × 4 ten, twice
 * as many as 8 × 8 a quarter more (its registers hold neither, but every number that is read serves more of them).
 */
const softwareForms: readonly Form[] = [
  form('direct', [8, 128, 1], [8, 16], 1.27, worthCompiling),
  form('direct', [16, 64, 1], [16, 8], 1.25, worthCompiling),
  form('direct', [8, 64, 1], [8, 8], 1),
  form('direct', [8, 32, 1], [8, 4], 0.7),
  form('direct', [4, 64, 1], [4, 8], 0.68),
  form('direct', [4, 32, 1], [4, 4], 0.6),
  form('direct', [2, 32, 1], [2, 4], 0.35),
  form('direct', [1, 32, 1], [1, 4], 0.2),
  // Few columns: lanes take rows as well.
  form('direct', [128, 4, 1], [8, 4], 0.36),
  form('direct', [32, 4, 1], [4, 4], 0.3),
];

/** Workgroups that keep an adapter busy. */
const enough = { gpu: 256, software: 4 } as const;
/** Fewer terms than this are not worth a part of their own. */
const fewestTerms = { gpu: 128, software: 512 } as const;
/** More terms than this are not summed up in one row: rounding errors grow with the length of a sum. */
const mostTerms = 8192;
/** Numbers in the parts of a split sum (64 MiB). */
const mostPartials = 2 ** 24;

/** Bytes of workgroup memory, with the vector of four by which rows are apart beyond their length. */
export function workgroupBytes(
  { kind, rows, columns, depth, perRow, perColumn }: Tile | Form,
  matrices?: SubgroupMatrices,
): number {
  if (kind === 'direct') return 0;
  if (kind === 'matrix') {
    const most = (length: number): number => Math.max(length * (depth + 8), depth * (length + 8));
    const staged = (rows / perRow) * (columns / perColumn) * (matrices ? matrices.M * matrices.N : 0);
    return 2 * (most(rows) + most(columns)) + 4 * staged;
  }
  const inner = (length: number): number => length * (depth + 4);
  const outer = (length: number): number => depth * length;
  return 4 * (Math.max(inner(rows), outer(rows)) + Math.max(inner(columns), outer(columns)));
}

export const invocationsOf = (
  { kind, rows, columns, perRow, perColumn }: Tile | Form,
  { matrices }: Pick<ProductTarget, 'matrices'> = {},
): number => (rows / perRow) * (columns / perColumn) * (kind === 'matrix' ? (matrices?.size ?? 0) : 1);

const fits = (tile: Tile | Form, target: ProductTarget): boolean =>
  workgroupBytes(tile, target.matrices) <= target.workgroupStorage &&
  invocationsOf(tile, target) <= target.invocations;

/** Results of one invocation: the forms above have at most 128. */
const mostResults = 256;

/** Whether kernels can be written for a tile that came by its name, and the adapter runs them. */
export function isUsable(tile: Tile, target: ProductTarget): boolean {
  const { kind, rows, columns, depth, perRow, perColumn, splits } = tile;
  const whole = [
    rows / perRow,
    columns / perColumn,
    perColumn / 4,
    depth / (kind === 'tile' ? 4 : 1),
    splits,
    ...(kind === 'matrix' ? partsOf(tile, target.matrices) : []),
  ];
  // Each is a variable of the kernel; those of subgroup matrices are shared by a subgroup.
  const few = kind === 'matrix' || perRow * perColumn <= mostResults;
  return (
    whole.every((number) => Number.isInteger(number) && number > 0) && perRow > 0 && few && fits(tile, target)
  );
}

/** How many small matrices there are along each side; no number at all without any. */
const partsOf = ({ perRow, perColumn, depth }: Tile | Form, matrices?: SubgroupMatrices): number[] =>
  matrices ? [perRow / matrices.M, perColumn / matrices.N, depth / matrices.K] : [Number.NaN];

/** Forms by subgroup matrices. Never a default: a search takes them where the device computes right with them. */
export function matrixCandidates(shape: ProductShape, target: ProductTarget): Tile[] {
  if (target.software || !target.matrices) return [];
  const found = matrixForms.map(({ speed: _, fewest: __, ...rest }) => {
    const groups = shape.batch * over(shape.rows, rest.rows) * over(shape.columns, rest.columns);
    return { ...rest, splits: splitsFor(shape, groups, 'gpu') };
  });
  const work = ({ rows, columns }: Tile): number =>
    over(shape.rows, rows) * rows * over(shape.columns, columns) * columns;
  return found
    .filter((tile) => isUsable(tile, target))
    .toSorted((a, b) => work(a) - work(b))
    .slice(0, 2);
}

const over = (length: number, step: number): number => Math.ceil(length / step);

/** Tiles to choose from for this product, the most promising first: `chooseTile` takes the first, a tuner times a few. */
export function tileCandidates(shape: ProductShape, target: ProductTarget): Tile[] {
  const kind = target.software ? 'software' : 'gpu';
  const flops = 2 * shape.batch * shape.rows * shape.columns * shape.depth;
  const scored = (target.software ? softwareForms : gpuForms)
    .filter((candidate) => fits(candidate, target) && flops >= candidate.fewest)
    .map((candidate) => {
      const { speed, fewest: _, ...rest } = candidate;
      const groups = shape.batch * over(shape.rows, rest.rows) * over(shape.columns, rest.columns);
      const splits = splitsFor(shape, groups, kind);
      const busy = Math.min(1, (groups * splits) / enough[kind]);
      const work = over(shape.rows, rest.rows) * rest.rows * over(shape.columns, rest.columns) * rest.columns;
      // Writing the parts and reading them again costs about as much as a few hundred terms.
      const length = shape.depth + (splits > 1 ? 64 * splits : 0);
      return { tile: { ...rest, splits }, cost: (work * length) / (speed * busy) };
    });
  return scored.toSorted((a, b) => a.cost - b.cost).map(({ tile }) => tile);
}

function splitsFor(shape: ProductShape, groups: number, kind: 'gpu' | 'software'): number {
  const wanted = Math.max(over(enough[kind], groups), over(shape.depth, mostTerms));
  const results = shape.batch * shape.rows * shape.columns;
  const most = Math.min(
    Math.max(1, Math.floor(shape.depth / fewestTerms[kind])),
    Math.max(1, Math.floor(mostPartials / results)),
  );
  return Math.min(wanted, most, 64);
}

/** The tile to take where nothing was measured. */
export function chooseTile(shape: ProductShape, target: ProductTarget): Tile {
  return tileCandidates(shape, target)[0]!;
}

/** What a measured choice is filed under. `what`: the kind of product (`MatMul/nt`, `Conv2d`). */
export const productKey = (what: string, { batch, rows, columns, depth }: ProductShape): string =>
  `${what}/${batch}x${rows}x${columns}x${depth}`;

/** `tile 64x64x16/4x4` or, with the sum split in three, `tile 64x64x16/4x4/3`. */
export const tileName = ({ kind, rows, columns, depth, perRow, perColumn, splits }: Tile): string =>
  `${kind} ${rows}x${columns}x${depth}/${perRow}x${perColumn}${splits > 1 ? `/${splits}` : ''}`;

/** The tile of that name; undefined when it is none. */
export function parseTile(name: string): Tile | undefined {
  const match = /^(tile|direct|matrix) (\d+)x(\d+)x(\d+)\/(\d+)x(\d+)(?:\/(\d+))?$/.exec(name);
  if (!match) return undefined;
  const [rows, columns, depth, perRow, perColumn, splits] = match.slice(2).map((part) => Number(part ?? 1));
  return {
    kind: match[1] as Tile['kind'],
    rows: rows!,
    columns: columns!,
    depth: depth!,
    perRow: perRow!,
    perColumn: perColumn!,
    splits: splits!,
  };
}
