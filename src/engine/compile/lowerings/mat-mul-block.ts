/**
 * Blocks of the operands of a product in workgroup memory, and the walk over them: all invocations bring a block of
 * rows and a block of columns, then each multiplies its part, until the sum is whole.
 *
 * A block lies in workgroup memory as it lies in memory, so that vectors are stored as they are read: with
 * neighbours across rows as `[term][row / 4]`, with neighbours along the sum as `[row][term / 4]` and one vector
 * between rows, so that lanes which read different rows meet different banks.
 */
import type { KernelBuilder } from '../kernel-builder.ts';
import type { Scope } from '../lowering.ts';
import type { Multiplication } from './mat-mul-multiplication.ts';
import type { Operand, Place } from './mat-mul-operand.ts';

const parts = ['x', 'y', 'z', 'w'] as const;

/** `multiply` adds what the blocks in workgroup memory give; `bound` writes the end of a loop. */
export function sumOverBlocks(
  { kernel, tile, depth, taps, begin, end }: Multiplication,
  rows: Block,
  columns: Block,
  multiply: (scope: Scope) => void,
  bound: (count: number) => string,
): void {
  const { main } = kernel;
  /** The loop over the blocks between two terms; the sum is zero beyond its end. */
  const terms = (outer: Scope, first: string, last: string): void => {
    const inside = kernel.block(outer);
    const guard = depth % tile.depth === 0 ? undefined : last;
    inside.line('workgroupBarrier();');
    rows.fill(inside, guard);
    columns.fill(inside, guard);
    inside.line('workgroupBarrier();');
    multiply(inside);
    outer.line(`for (var k = ${first}; k < ${last}; k += ${tile.depth}) {\n${inside.text()}}`);
  };
  rows.place(main);
  columns.place(main);
  if (taps > 1) {
    const inside = kernel.block(main);
    rows.enterTap(inside, 'tap');
    columns.enterTap(inside, 'tap');
    terms(inside, '0', bound(depth));
    main.line(`for (var tap = ${begin}; tap < ${end}; tap++) {\n${inside.text()}}`);
  } else {
    rows.enterTap(main, '0');
    columns.enterTap(main, '0');
    terms(main, begin, end);
  }
}

interface Common {
  readonly kernel: KernelBuilder;
  readonly lanes: number;
  readonly depth: number;
  readonly batch: string;
  /** The block is array<f16>, as subgroup matrices are read. */
  readonly half?: boolean;
}

/** What an invocation brings: a vector of four, for one row (or four) at a term within the block. */
interface Load {
  readonly place: Place;
  /** First term within the block. */
  readonly term: string;
  /** Index in workgroup memory. */
  readonly slot: string;
  /** Invocations beyond the end of the block have nothing to bring. */
  readonly condition: string | undefined;
}

/** A block of one operand in workgroup memory. */
export class Block {
  readonly along: 'inner' | 'outer';
  readonly memory: string;
  private readonly rowStride: number;
  private loads: Load[] = [];
  private tapped: Load[] = [];

  constructor(
    private readonly common: Common,
    private readonly operand: Operand,
    private readonly count: number,
    private readonly first: string,
    private readonly length: number,
  ) {
    // An operand without vectors is put together from single numbers, along the sum.
    this.along = operand.along ?? 'inner';
    const { kernel, depth, half = false } = common;
    // Matrices of f16 begin at multiples of 16 bytes.
    const gap = half ? 2 : 1;
    this.rowStride = this.along === 'inner' ? depth / 4 + gap : count / 4 + (half ? gap : 0);
    const size = this.along === 'inner' ? count * this.rowStride : depth * this.rowStride;
    this.memory = kernel.name('block');
    kernel.declare(
      `var<workgroup> ${this.memory}: array<${half ? `f16, ${4 * size}` : `vec4<f32>, ${size}`}>;`,
    );
  }

  /** Numbers from a row (or, where neighbours are across rows, a term) to the next. */
  get stride(): number {
    return 4 * this.rowStride;
  }

  /** Where the number of a row at a term lies, counted in numbers. */
  offset(row: string, term: string): string {
    return this.along === 'inner'
      ? `(${row}) * ${this.stride} + ${term}`
      : `(${term}) * ${this.stride} + ${row}`;
  }

  /** Which rows and terms this invocation brings: the same ones of every block. */
  place(scope: Scope): void {
    const { lanes, depth, batch } = this.common;
    const vectors = (this.count * depth) / 4;
    for (let begin = 0; begin < vectors; begin += lanes) {
      const number = scope.let(begin === 0 ? 'i32(lane)' : `i32(lane) + ${begin}`);
      const perRow = depth / 4;
      const inner = this.along === 'inner';
      const row = scope.let(inner ? `${number} / ${perRow}` : `${number} % ${this.count / 4} * 4`);
      const term = scope.let(inner ? `${number} % ${perRow} * 4` : `${number} / ${this.count / 4}`);
      const slot = scope.let(
        inner ? `${row} * ${this.rowStride} + ${term} / 4` : `${term} * ${this.rowStride} + ${row} / 4`,
      );
      const at = `${this.first} + ${row}`;
      // Rows beyond the end read the last ones again: their results are not stored.
      const last = this.length - (inner ? 1 : 4);
      const clamped = this.length % this.count === 0 ? at : `min(${at}, ${last})`;
      this.loads.push({
        place: this.operand.place(scope, batch, scope.let(clamped)),
        term,
        slot,
        condition: begin + lanes > vectors ? `${number} < ${vectors}` : undefined,
      });
    }
  }

  enterTap(scope: Scope, tap: string): void {
    const { operand } = this;
    this.tapped = operand.tap
      ? this.loads.map((load) => ({
          ...load,
          place: operand.tap!(scope, load.place, tap),
        }))
      : this.loads;
  }

  /** Brings the block that begins at term `k`; beyond the term `end`, where there is one, are zeros. */
  fill(outer: Scope, end: string | undefined): void {
    const { kernel, half } = this.common;
    for (const { place, term, slot, condition } of this.tapped) {
      const scope = kernel.block(outer);
      const k = scope.let(`k + ${term}`);
      const brought = this.vector(scope, place, k, end);
      if (half) {
        const four = scope.let(`vec4<f16>(${brought})`);
        for (const [i, part] of parts.entries())
          scope.line(`${this.memory}[${slot} * 4 + ${i}] = ${four}.${part};`);
      } else scope.line(`${this.memory}[${slot}] = ${brought};`);
      outer.line(condition ? `if (${condition}) {\n${scope.text()}}` : `{\n${scope.text()}}`);
    }
  }

  private vector(scope: Scope, place: Place, k: string, end: string | undefined): string {
    const { operand } = this;
    const guarded = (value: string, at: string, zero: string): string =>
      end === undefined ? value : `select(${zero}, ${value}, ${at} < ${end})`;
    if (operand.along) return guarded(operand.vector!(scope, place, k), k, 'vec4<f32>(0.0)');
    const numbers = parts.map((_, i) => {
      const at = scope.let(i === 0 ? k : `${k} + ${i}`);
      return guarded(operand.load(scope, place, at), at, '0.0');
    });
    return `vec4<f32>(${numbers.join(', ')})`;
  }

  /** Four terms from 4·t on: of row i at a step, or of rows 4g … 4g + 3 as a vector. */
  reader(
    scope: Scope,
    rowAt: (i: number) => string,
    count: number,
  ): { scalar(i: number, step: number): string; vector(g: number, step: number): string } {
    if (this.along === 'inner') {
      const vectors = Array.from({ length: count }, (_, i) =>
        scope.let(`${this.memory}[(${rowAt(i)}) * ${this.rowStride} + t]`),
      );
      return {
        scalar: (i, step) => `${vectors[i]}.${parts[step]}`,
        vector: (g, step) =>
          scope.let(`vec4<f32>(${parts.map((_, q) => `${vectors[g * 4 + q]}.${parts[step]}`).join(', ')})`),
      };
    }
    const read = (i: number, step: number): string =>
      scope.let(`${this.memory}[(t * 4 + ${step}) * ${this.rowStride} + (${rowAt(i)}) / 4]`);
    const scalars = new Map<string, string>();
    return {
      scalar(i, step) {
        // Fewer than four rows: a part of a vector, not always the same one.
        if (count % 4 !== 0) return `${read(i, step)}[(${rowAt(i)}) % 4]`;
        const key = `${i >> 2} ${step}`;
        const vector = scalars.get(key) ?? read(i & ~3, step);
        scalars.set(key, vector);
        return `${vector}.${parts[i & 3]}`;
      },
      vector: (g, step) => read(g * 4, step),
    };
  }
}
