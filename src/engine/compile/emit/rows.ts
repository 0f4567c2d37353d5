/**
 * Kernels that walk rows: softmax, layer norm and its gradient, losses. Some lanes share a row and pass over it
 * once for each reduction that waits for another one. Short rows stay in registers from pass to pass; long ones
 * are read again. A workgroup takes several rows when they are short.
 */

import { elementsOf } from '../analysis.ts';
import { flatDispatch } from '../dispatch.ts';
import type { Domain } from '../domains.ts';
import { placeIn } from '../domains.ts';
import type { Group } from '../groups.ts';
import type { BlockScope, KernelBuilder } from '../kernel-builder.ts';
import { opaque } from '../opaque.ts';
import type { Placement } from '../placement.ts';
import { Position, spellQuad } from '../position.ts';
import { combineLanes, elementInto, type Reduction, reductionsOf } from './combine.ts';
import { type EmitContext, nextPowerOfTwo, placeInRows } from './context.ts';
import { storeUnit, worthVectors } from './flat.ts';

type Rows = Extract<Domain, { kind: 'row' }>;

/** A lane keeps at most this many elements of its row. */
const mostKept = 16;

export function writeRows(context: EmitContext, placement: Placement, group: Group, domain: Rows): void {
  context.kernel(
    group,
    (vectors) => {
      const shape = shapeOfWalk(context, domain, vectors);
      const flat = flatDispatch(Math.ceil(domain.rows / shape.rowsPerGroup));
      return {
        label: context.label(group),
        workgroupSize: [shape.threads, 1, 1],
        workgroups: flat.workgroups,
        write: (kernel) => new RowWriter(context, placement, group, domain, shape, kernel).write(flat.index),
      };
    },
    domain.columns % 4 === 0 && domain.columns >= 16 && domain.rows * domain.columns >= worthVectors,
  );
}

interface Walk {
  /** Elements that are handled together: 4 or 1. */
  readonly width: number;
  /** Units of a row. */
  readonly units: number;
  /** Lanes of a row. */
  readonly lanes: number;
  /** Units of a lane. */
  readonly turns: number;
  readonly threads: number;
  readonly rowsPerGroup: number;
}

function shapeOfWalk({ target }: EmitContext, { rows, columns }: Rows, vectors: boolean): Walk {
  const width = vectors ? 4 : 1;
  const units = columns / width;
  const lanes = target.software ? softwareLanes(rows, columns, units) : lanesOfRow(rows, units);
  const threads = Math.max(64, lanes);
  return {
    width,
    units,
    lanes,
    turns: Math.ceil(units / lanes),
    threads,
    rowsPerGroup: threads / lanes,
  };
}

/** A barrier costs a processor more than a few hundred elements. */
function softwareLanes(rows: number, columns: number, units: number): number {
  return rows >= 16 || columns <= 256 ? 1 : Math.min(64, nextPowerOfTwo(units / 4));
}

function lanesOfRow(rows: number, units: number): number {
  // Few rows need all lanes that there are; with many, a lane may as well take several units.
  const perLane = rows >= 2048 ? 4 : 1;
  const lanes = nextPowerOfTwo(units / perLane);
  return lanes <= 2 ? 1 : Math.min(256, lanes);
}

class RowWriter {
  private readonly reductions: readonly Reduction[];
  private readonly levels = new Map<number, number>();
  private readonly main: BlockScope;
  private row = '';
  private rank = '0';
  /** WGSL: this lane stands on a row. Empty: always. */
  private present = '';

  constructor(
    private readonly context: EmitContext,
    placement: Placement,
    private readonly group: Group,
    private readonly domain: Rows,
    private readonly walk: Walk,
    private readonly kernel: KernelBuilder,
  ) {
    this.main = kernel.main as BlockScope;
    this.reductions = reductionsOf(context, group);
    const members = new Set(group.nodes);
    for (const node of group.nodes) {
      const below = placement.leaves.get(node)!.map(({ value }) => {
        const before = context.analysis.producers.get(value)?.node;
        return before !== undefined && members.has(before) ? this.levels.get(before)! : 0;
      });
      const own = context.analysis.lowerings[node]!.kind === 'reduce' ? 1 : 0;
      this.levels.set(node, Math.max(0, ...below) + own);
    }
  }

  write(index: string): void {
    this.begin(index);
    const passes = Math.max(0, ...this.reductions.map(({ node }) => this.levels.get(node)!));
    for (let pass = 1; pass <= passes; pass++)
      this.pass(this.reductions.filter(({ node }) => this.levels.get(node) === pass));
    this.storeResults();
    this.storeFull();
  }

  private begin(index: string): void {
    const { lanes, rowsPerGroup } = this.walk;
    const { rows } = this.domain;
    const lane = this.main.let('i32(lane)');
    if (lanes > 1) this.rank = this.main.let(rowsPerGroup === 1 ? lane : `${lane} % ${lanes}`);
    const number = this.main.let(
      rowsPerGroup === 1
        ? index
        : `${index} * ${rowsPerGroup} + ${lanes === 1 ? lane : `${lane} / ${lanes}`}`,
    );
    const groups = Math.ceil(rows / rowsPerGroup);
    const exact = rows % rowsPerGroup === 0 && groups <= 65535;
    this.row = number;
    if (exact) return;
    if (lanes === 1) {
      this.main.line(`if (${number} >= ${rows}) { return; }`);
      return;
    }
    // All lanes must reach the barriers.
    this.present = this.main.let(`${number} < ${rows}`);
    this.row = this.main.let(`min(${number}, ${rows - 1})`);
  }

  private pass(reductions: readonly Reduction[]): void {
    const totals = reductions.map((reduction) => {
      const name = this.kernel.name('total');
      this.main.line(`var ${name}: ${reduction.type} = ${reduction.identity};`);
      return name;
    });
    this.eachUnit((scope, unit, inside) => {
      for (const [i, reduction] of reductions.entries()) {
        const { shape } = this.context.analysis.graph.values[reduction.lowering.input]!;
        for (const at of this.places(shape, unit)) {
          const element = scope.let(elementInto(scope, reduction, at));
          const counted = inside ? `select(${reduction.identity}, ${element}, ${inside})` : element;
          scope.line(`${totals[i]} = ${reduction.combine(totals[i]!, counted)};`);
        }
      }
    });
    const { lanes, threads } = this.walk;
    const combined = combineLanes(
      this.context,
      this.kernel,
      this.main,
      reductions.map((reduction, i) => ({ reduction, name: totals[i]! })),
      { all: threads, count: lanes, stride: 1, rank: this.rank },
    );
    for (const [i, { lowering, value }] of reductions.entries()) {
      const total = this.main.let(combined[i]!);
      this.main.pin(value, this.main.let(lowering.finish?.(this.main, total) ?? total));
    }
  }

  private storeResults(): void {
    const results = this.group.stores.filter((value) => this.isResult(value));
    if (results.length === 0) return;
    const inner = this.kernel.block(this.main);
    for (const value of results) {
      const at = Position.at(this.context.values.get(value)!.shape, this.row);
      this.kernel.write(inner, value, at, this.kernel.compute(inner, value, at));
    }
    const conditions = [this.present, this.walk.lanes > 1 ? `${this.rank} == 0` : ''];
    this.guarded(this.main, conditions, inner);
  }

  private storeFull(): void {
    const full = this.group.stores.filter((value) => !this.isResult(value));
    if (full.length === 0) return;
    this.eachUnit((scope, unit, inside) => {
      const inner = this.kernel.block(scope);
      for (const value of full) {
        const { shape } = this.context.values.get(value)!;
        const places = this.places(shape, unit);
        storeUnit(this.kernel, inner, value, unit.offset, this.walk.width === 4, (_, part) => places[part]!);
      }
      this.guarded(scope, [this.present, inside], inner);
    });
  }

  /** Goes over the units of this lane; `inside` says whether the unit is one (empty: always). */
  private eachUnit(write: (scope: BlockScope, unit: Unit, inside: string) => void): void {
    const { lanes, turns, units, width } = this.walk;
    const { software } = this.context.target;
    const partial = units % lanes !== 0;
    if (turns * width <= (software ? width : mostKept)) {
      for (let turn = 0; turn < turns; turn++) {
        const { unit, inside } = this.unit(turn, partial && turn === turns - 1);
        write(this.main, unit, inside);
      }
      return;
    }
    const turn = this.kernel.name('turn');
    const scope = this.kernel.block(this.main);
    const number = scope.let(lanes === 1 ? turn : `${this.rank} + ${turn} * ${lanes}`);
    const inside = partial ? scope.let(`${number} < ${units}`) : '';
    const column = partial ? scope.let(`min(${number}, ${units - 1})`) : number;
    write(scope, { column, offset: scope.let(`${this.row} * ${units} + ${column}`) }, inside);
    const end = software ? opaque(turns) : turns;
    this.main.line(`for (var ${turn} = 0; ${turn} < ${end}; ${turn}++) {\n${scope.text()}}`);
  }

  private readonly kept = new Map<number, { unit: Unit; inside: string }>();

  /** A unit that stays in registers: named once, for all passes. */
  private unit(turn: number, partial: boolean): { unit: Unit; inside: string } {
    const known = this.kept.get(turn);
    if (known) return known;
    const { lanes, units } = this.walk;
    const first = lanes === 1 ? String(turn) : turn === 0 ? this.rank : `${this.rank} + ${turn * lanes}`;
    const number = this.main.let(first);
    const inside = partial ? this.main.let(`${number} < ${units}`) : '';
    const column = partial ? this.main.let(`min(${number}, ${units - 1})`) : number;
    const unit = { column, offset: this.main.let(`${this.row} * ${units} + ${column}`) };
    this.kept.set(turn, { unit, inside });
    return { unit, inside };
  }

  private places(shape: readonly number[], { column, offset }: Unit): Position[] {
    const { columns } = this.domain;
    if (this.walk.width === 1) return [placeInRows(shape, columns, { row: this.row, column, offset })];
    return [0, 1, 2, 3].map((part) =>
      placeInRows(shape, columns, {
        row: this.row,
        column: spellQuad({ vector: column, part }),
        offset: spellQuad({ vector: offset, part }),
      }),
    );
  }

  private guarded(scope: BlockScope, conditions: readonly string[], inner: BlockScope): void {
    const all = conditions.filter(Boolean);
    scope.line(all.length === 0 ? inner.text() : `if (${all.join(' && ')}) {\n${inner.text()}}`);
  }

  private isResult(value: number): boolean {
    return placeIn(this.domain, elementsOf(this.context.analysis, value)) === 'result';
  }
}

interface Unit {
  readonly column: string;
  readonly offset: string;
}
