/**
 * The two products that attention is made of, on tiles in workgroup memory.
 *
 * A workgroup has `across` × `down` invocations and owns 4·down rows (queries, say); it walks over the other side
 * (keys) in blocks of 4·across columns. Invocation (x, y) holds a 4 × 4 tile of scores, as four vec4 along the
 * columns:
 *
 *  - `scores`: s += A·Bᵀ over the width of a row, in slices of `slice` elements that all invocations load together.
 *  - `gather`: o += P·V, where P is the block of scores after it was put into workgroup memory by `share`, and V
 *    has a row per column of the block. An invocation holds four rows of o and every across-th vec4 along them.
 *
 * Tiles in workgroup memory are written a vec4 at a time: writing single components of a shared vector is a race.
 */
import type { KernelBuilder } from '../kernel-builder.ts';
import { exchange } from '../lanes.ts';

export interface TileShape {
  readonly across: number;
  readonly down: number;
  /** How much of a row (in `scores`), or how many columns of a block (in `gather`), are loaded at once. */
  readonly slice: number;
  /** Keep loops as loops: a software adapter's compiler takes minutes over what it has written out. */
  readonly rolled?: boolean;
  /** How many neighbouring lanes surely are in one subgroup (1). */
  readonly subgroup?: number;
}

export const blockRows = ({ down }: TileShape): number => 4 * down;
export const blockColumns = ({ across }: TileShape): number => 4 * across;
export const invocations = ({ across, down }: TileShape): number => across * down;

/** Bytes of workgroup memory that a kernel with rows of at most `width` elements needs. */
export function workgroupBytes(shape: TileShape, width: number): number {
  return 16 * (leftSize(shape) + rightSize(shape, width) + sharedSize(shape));
}

const leftSize = ({ across, down, slice }: TileShape): number => Math.max(slice, across) * (down + 1);
const rightSize = ({ across, slice }: TileShape, width: number): number =>
  slice * Math.max(across + 1, Math.ceil(width / 4));
const sharedSize = (shape: TileShape): number => blockColumns(shape) * (shape.down + 1);

/** A side of a product: a WGSL function `(b, h, n, d) -> f32`, how many rows it has and how long they are. */
export interface Side {
  readonly element: string;
  /** `(b, h, n, d) -> vec4f`. */
  readonly vector: string;
  readonly rows: number;
  readonly width: number;
}

const four = [0, 1, 2, 3] as const;

/** Writes the parts of one kernel. In WGSL there are `b`, `h`, `x`, `y`, `row` (the first own one). */
export class TileWriter {
  readonly lines: string[] = [];
  private readonly threads: number;

  constructor(
    private readonly kernel: KernelBuilder,
    private readonly shape: TileShape,
    /** Of the longest row that `gather` reads. */
    width: number,
  ) {
    this.threads = invocations(shape);
    kernel.declare(`var<workgroup> left: array<vec4f, ${leftSize(shape)}>;`);
    kernel.declare(`var<workgroup> right: array<vec4f, ${rightSize(shape, width)}>;`);
    kernel.declare(`var<workgroup> block: array<vec4f, ${sharedSize(shape)}>;`);
    if (shape.rolled) this.line('let opaque = i32(arrayLength(&b0));');
    this.line('let b = i32(group.z); let h = i32(group.y); let thread = i32(lane);');
    this.line(`let x = thread % ${shape.across}; let y = thread / ${shape.across};`);
    this.line(`let row = i32(group.x) * ${blockRows(shape)} + y * 4;`);
  }

  /** A number that the compiler must take for a variable, where it would write loops out. */
  private count(value: number): string {
    return this.shape.rolled ? `min(${value}, opaque)` : String(value);
  }

  line(text: string): void {
    this.lines.push(text);
  }

  /** Four vec4 of zeros. */
  zeros(name: string): void {
    this.line(four.map((r) => `var ${name}${r} = vec4f(0.0);`).join(' '));
  }

  /** `${name}` += rows of `a` from the workgroup's first one · rows of `b` from `column` on, transposed. */
  scores(name: string, a: Side, b: Side, column: string): void {
    const { across, down, slice } = this.shape;
    this.line(`for (var start = 0; start < ${a.width}; start += ${slice}) {`);
    this.line('workgroupBarrier();');
    this.load('left', down, a, `row - y * 4`);
    this.load('right', across, b, column);
    this.line('workgroupBarrier();');
    this.line(`for (var d = 0; d < ${this.count(slice)}; d++) {`);
    this.line(`let l = left[d * ${down + 1} + y]; let r = right[d * ${across + 1} + x];`);
    this.line(four.map((i) => `${name}${i} = fma(vec4f(l.${'xyzw'[i]}), r, ${name}${i});`).join(' '));
    this.line('} }');
  }

  /** A slice of four times `count` rows, as vec4 of four rows' elements at one place along them. */
  private load(tile: string, count: number, side: Side, first: string): void {
    const { slice } = this.shape;
    this.line(`for (var t = thread; t < ${slice * count}; t += ${this.threads}) {`);
    this.line(`let along = t % ${slice}; let rows = ${first} + t / ${slice} * 4;`);
    const ragged = side.width % slice !== 0;
    this.line(`let d = ${ragged ? `min(start + along, ${side.width - 1})` : 'start + along'};`);
    const elements = four.map((i) => `${side.element}(b, h, min(rows + ${i}, ${side.rows - 1}), d)`);
    const vector = `vec4f(${elements.join(', ')})`;
    this.line(
      `${tile}[along * ${count + 1} + t / ${slice}] = ${ragged ? `select(vec4f(0.0), ${vector}, start + along < ${side.width})` : vector}; }`,
    );
  }

  /** For each row the largest, or the sum, of what the invocations next to each other hold: a vec4 of four rows. */
  acrossRows(result: string, own: string, combine: (a: string, b: string) => string): void {
    const { across, down, subgroup = 1 } = this.shape;
    if (subgroup >= across) {
      this.line(`var ${result} = ${own};`);
      exchange(this.kernel, { line: (text) => this.line(text) }, { name: result, combine }, across);
      return;
    }
    this.line('workgroupBarrier();');
    this.line(`left[x * ${down} + y] = ${own};`);
    this.line('workgroupBarrier();');
    this.line(`var ${result} = left[y];`);
    this.line(
      `for (var i = 1; i < ${across}; i++) { ${result} = ${combine(result, `left[i * ${down} + y]`)}; }`,
    );
  }

  /** Puts the scores where `gather` finds them. Between two calls there must be a `gather`. */
  share(name: string): void {
    const stride = this.shape.down + 1;
    for (const c of four) {
      const column = four.map((r) => `${name}${r}.${'xyzw'[c]}`).join(', ');
      this.line(`block[(x * 4 + ${c}) * ${stride} + y] = vec4f(${column});`);
    }
  }

  /** How many vec4 along a row an invocation holds in `gather`. */
  groups(width: number): number[] {
    return Array.from({ length: Math.ceil(width / 4 / this.shape.across) }, (_, i) => i);
  }

  /** Zeros for `gather`: `${name}${group}_${row}`. */
  startGather(name: string, width: number): void {
    for (const g of this.groups(width))
      this.line(four.map((r) => `var ${name}${g}_${r} = vec4f(0.0);`).join(' '));
  }

  /** `${name}` += (what was shared) · rows of `side` from `column` on. */
  gather(name: string, side: Side, column: string): void {
    const { across, down, slice } = this.shape;
    const vectors = Math.ceil(side.width / 4);
    this.line(`for (var start = 0; start < ${blockColumns(this.shape)}; start += ${slice}) {`);
    this.line('workgroupBarrier();');
    this.line(`for (var t = thread; t < ${slice * vectors}; t += ${this.threads}) {`);
    this.line(
      `right[t] = ${side.vector}(b, h, min(${column} + start + t / ${vectors}, ${side.rows - 1}), t % ${vectors} * 4); }`,
    );
    this.line('workgroupBarrier();');
    this.line(`for (var i = 0; i < ${this.count(slice)}; i++) {`);
    this.line(`let p = block[(start + i) * ${down + 1} + y];`);
    for (const g of this.groups(side.width)) {
      const at = `x + ${g * across}`;
      const inside = (g + 1) * across <= vectors ? at : `min(${at}, ${vectors - 1})`;
      this.line(`let v${g} = right[i * ${vectors} + ${inside}];`);
      this.line(
        four.map((r) => `${name}${g}_${r} = fma(vec4f(p.${'xyzw'[r]}), v${g}, ${name}${g}_${r});`).join(' '),
      );
    }
    this.line('} }');
  }
}
