/**
 * A product without workgroup memory: every invocation reads the rows and columns that it needs and keeps its
 * results in registers. Lanes lie side by side along columns; their rows are the same where a workgroup has one
 * row of lanes, so an adapter that runs lanes as a vector reads those once.
 */
import type { BlockScope, KernelBuilder } from '../kernel-builder.ts';
import type { Scope } from '../lowering.ts';
import { opaque } from '../opaque.ts';
import type { Multiplication } from './mat-mul-multiplication.ts';
import type { Operand, Place } from './mat-mul-operand.ts';

export function writeDirect(work: Multiplication): void {
  const { kernel, tile, shape, a, b, batch, depth, taps } = work;
  const { main } = kernel;
  const lanes = tile.columns / tile.perColumn;
  const oneRow = tile.rows === tile.perRow;
  const lane = main.let(oneRow ? 'i32(lane)' : `i32(lane) % ${lanes}`);
  const firstRow = oneRow ? work.row : main.let(`${work.row} + i32(lane) / ${lanes} * ${tile.perRow}`);
  const firstColumn = main.let(`${work.column} + ${lane} * ${tile.perColumn}`);
  const rows = new Fragment(main, a, batch, firstRow, tile.perRow, clampTo(shape.rows, tile.rows));
  const columns = new Fragment(
    main,
    b,
    batch,
    firstColumn,
    tile.perColumn,
    clampTo(shape.columns, tile.columns),
  );
  const groups = tile.perColumn / 4;
  const accumulators = Array.from({ length: tile.perRow }, (_, i) =>
    Array.from({ length: groups }, (_, g) => {
      main.line(`var c${i}_${g} = vec4<f32>(0.0);`);
      return `c${i}_${g}`;
    }),
  );

  const terms = (outer: Scope, begin: string, end: string): void => {
    const sum = new Terms(kernel, outer, [rows, columns], accumulators);
    const step = depth % tile.depth === 0 ? tile.depth : 1;
    outer.line(`for (var k = ${begin}; k < ${end}; k += ${step}) {\n${sum.text(step)}}`);
  };
  if (taps > 1) {
    const inside = kernel.block(main);
    rows.enterTap(inside, 'tap');
    columns.enterTap(inside, 'tap');
    terms(inside, '0', work.software ? opaque(depth) : String(depth));
    main.line(`for (var tap = ${work.begin}; tap < ${work.end}; tap++) {\n${inside.text()}}`);
  } else {
    rows.enterTap(main, '0');
    columns.enterTap(main, '0');
    terms(main, work.begin, work.end);
  }
  work.store(
    main,
    accumulators.map((_, i) => `${firstRow} + ${i}`),
    accumulators,
    (g, q) => `${firstColumn} + ${g * 4} + ${q}`,
  );
}

/** The length to stay below, where workgroups reach beyond it. */
const clampTo = (length: number, tile: number): number | undefined =>
  length % tile === 0 ? undefined : length;

/** The rows (or columns) of one invocation: where they are, and what was read of them. */
class Fragment {
  private readonly outer: readonly Place[];
  private tapped: readonly Place[] = [];

  constructor(
    scope: Scope,
    private readonly operand: Operand,
    batch: string,
    first: string,
    count: number,
    last: number | undefined,
  ) {
    this.across = operand.along === 'outer';
    const every = this.across ? 4 : 1;
    // Beyond the end the last rows are read again: their results are not stored.
    this.outer = Array.from({ length: count / every }, (_, i) => {
      const row = i === 0 ? first : `${first} + ${i * every}`;
      const clamped = last === undefined ? row : `min(${row}, ${last - every})`;
      return operand.place(scope, batch, scope.let(clamped));
    });
  }

  private readonly across: boolean;

  enterTap(scope: Scope, tap: string): void {
    const { operand } = this;
    this.tapped = operand.tap ? this.outer.map((place) => operand.tap!(scope, place, tap)) : this.outer;
  }

  /** Reads `steps` terms from k on; the answer gives row i at a step, and rows 4g … 4g + 3 as a vector. */
  read(scope: Scope, k: string, steps: number): Read {
    const { operand, tapped } = this;
    const at = (step: number): string => (step === 0 ? k : `${k} + ${step}`);
    if (this.across) {
      const vectors = tapped.map((place) =>
        Array.from({ length: steps }, (_, step) =>
          scope.let(operand.vector!(scope, place, scope.let(at(step)))),
        ),
      );
      return {
        scalar: (i, step) => `${vectors[i >> 2]![step]}.${'xyzw'[i & 3]}`,
        vector: (g, step) => vectors[g]![step]!,
      };
    }
    const scalars = tapped.map((place) =>
      Array.from({ length: steps }, (_, step) => scope.let(operand.load(scope, place, scope.let(at(step))))),
    );
    return {
      scalar: (i, step) => scalars[i]![step]!,
      vector: (g, step) =>
        scope.let(`vec4<f32>(${[0, 1, 2, 3].map((q) => scalars[g * 4 + q]![step]).join(', ')})`),
    };
  }
}

interface Read {
  scalar(i: number, step: number): string;
  vector(g: number, step: number): string;
}

/** The inside of the loop over terms. */
class Terms {
  constructor(
    private readonly kernel: KernelBuilder,
    private readonly outer: Scope,
    private readonly fragments: readonly [Fragment, Fragment],
    private readonly accumulators: readonly (readonly string[])[],
  ) {}

  text(steps: number): string {
    const scope: BlockScope = this.kernel.block(this.outer);
    const [rows, columns] = this.fragments.map((fragment) => fragment.read(scope, 'k', steps)) as [
      Read,
      Read,
    ];
    for (let step = 0; step < steps; step++) {
      const vectors = this.accumulators[0]!.map((_, g) => columns.vector(g, step));
      this.accumulators.forEach((groups, i) => {
        groups.forEach((accumulator, g) => {
          scope.line(`${accumulator} += ${rows.scalar(i, step)} * ${vectors[g]};`);
        });
      });
    }
    return scope.text();
  }
}
