/**
 * Where in a value a kernel stands: one WGSL i32 expression per axis, or one offset in row-major order. Whichever
 * is missing is derived, so that a kernel that walks a value in its own order divides and multiplies nothing.
 *
 * Four neighbours at once: an expression spelled `(q * 4 + j)` says that it is element j of the q-th vector of
 * four. Offsets and coordinates keep that spelling where it holds, and a load recognises it.
 */

/** Row-major strides: [4, 2, 3] → [6, 3, 1]. */
export function stridesOf(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length).fill(1);
  for (let axis = shape.length - 2; axis >= 0; axis--) strides[axis] = strides[axis + 1]! * shape[axis + 1]!;
  return strides;
}

export const sizeOf = (shape: readonly number[]): number =>
  shape.reduce((product, dimension) => product * dimension, 1);

/** Element `part` (0 … 3) of the vector of four at `vector`. */
export interface Quad {
  readonly vector: string;
  readonly part: number;
}

/** The spelling of a place in vectors of four. */
export const spellQuad = ({ vector, part }: Quad): string => `(${vector} * 4 + ${part})`;

export function quadOf(expression: string): Quad | undefined {
  const found = /^\((.*) \* 4 \+ ([0-3])\)$/.exec(expression);
  if (!found || !isOneTerm(found[1]!)) return undefined;
  return { vector: found[1]!, part: Number(found[2]) };
}

/** A name, or one pair of brackets around everything. */
function isOneTerm(text: string): boolean {
  if (/^\w+$/.test(text)) return true;
  if (!text.startsWith('(') || !text.endsWith(')')) return false;
  let depth = 0;
  for (let i = 0; i < text.length - 1; i++) {
    if (text[i] === '(') depth++;
    else if (text[i] === ')') depth--;
    if (depth === 0) return false;
  }
  return true;
}

/** As an operand: in brackets unless it is one term already. */
const operand = (text: string): string => (isOneTerm(text) ? text : `(${text})`);

/** The coordinate along an axis of an offset: divided by the stride, then what is left within the dimension. */
function coordinate(offset: string, stride: number, dimension: number, outermost: boolean): string {
  const divided = stride === 1 ? operand(offset) : `(${operand(offset)} / ${stride})`;
  // The outermost axis can not overflow.
  return outermost ? divided : `(${divided} % ${dimension})`;
}

export class Position {
  private constructor(
    readonly shape: readonly number[],
    private knownOffset: string | undefined,
    private knownAxes: readonly string[] | undefined,
  ) {}

  /** `offset` and `axes` should be names or literals: they may be repeated in what is written. */
  static at(shape: readonly number[], offset: string): Position {
    return new Position(shape, offset, undefined);
  }

  static on(shape: readonly number[], axes: readonly string[]): Position {
    if (axes.length !== shape.length) throw new Error(`${axes.length} coordinates for rank ${shape.length}`);
    return new Position(shape, undefined, axes);
  }

  /** As `on`, where the caller also knows the offset. */
  static both(shape: readonly number[], offset: string, axes: readonly string[]): Position {
    return new Position(shape, offset, axes);
  }

  /** True when the position was given by its offset: views that keep the order can pass it on. */
  get isOffset(): boolean {
    return this.knownOffset !== undefined;
  }

  /** True when coordinates are at hand: else asking for them divides. */
  get hasAxes(): boolean {
    return this.knownAxes !== undefined;
  }

  /** Row-major offset. */
  get offset(): string {
    this.knownOffset ??= this.offsetOfAxes();
    return this.knownOffset;
  }

  /** One coordinate per axis. */
  get axes(): readonly string[] {
    this.knownAxes ??= this.axesOfOffset();
    return this.knownAxes;
  }

  /** The same element under another shape of the same size; coordinates of equal inner axes are kept. */
  reshaped(shape: readonly number[]): Position {
    const known = this.knownAxes;
    if (!known) return Position.at(shape, this.offset);
    let same = 0;
    while (
      same < Math.min(shape.length, this.shape.length) &&
      shape[shape.length - 1 - same] === this.shape[this.shape.length - 1 - same]
    ) {
      same++;
    }
    const derived = Position.at(shape, this.offset).axes;
    const kept = known.slice(this.shape.length - same);
    return Position.both(shape, this.offset, [...derived.slice(0, shape.length - same), ...kept]);
  }

  private offsetOfAxes(): string {
    const strides = stridesOf(this.shape);
    const parts = this.knownAxes!.flatMap((axis, i) =>
      this.shape[i] === 1 || axis === '0' ? [] : [{ axis, stride: strides[i]! }],
    );
    const last = parts.at(-1);
    const quad = last && last.stride === 1 ? quadOf(last.axis) : undefined;
    if (quad && parts.slice(0, -1).every(({ stride }) => stride % 4 === 0)) {
      const outer = parts.slice(0, -1).map(({ axis, stride }) => ({ axis, stride: stride / 4 }));
      return spellQuad({
        vector: sumOf([...outer, { axis: quad.vector, stride: 1 }]),
        part: quad.part,
      });
    }
    return sumOf(parts);
  }

  private axesOfOffset(): string[] {
    const strides = stridesOf(this.shape);
    const offset = this.knownOffset!;
    const first = this.shape.findIndex((dimension) => dimension !== 1);
    const inner = this.shape.findLast((dimension) => dimension !== 1) ?? 1;
    const quad = inner % 4 === 0 ? quadOf(offset) : undefined;
    return this.shape.map((dimension, i) => {
      if (dimension === 1) return '0';
      if (!quad) return coordinate(offset, strides[i]!, dimension, i === first);
      if (strides[i] !== 1) return coordinate(quad.vector, strides[i]! / 4, dimension, i === first);
      return spellQuad({ vector: coordinate(quad.vector, 1, dimension / 4, i === first), part: quad.part });
    });
  }
}

function sumOf(parts: readonly { readonly axis: string; readonly stride: number }[]): string {
  const terms = parts.map(({ axis, stride }) => (stride === 1 ? axis : `${operand(axis)} * ${stride}`));
  return terms.length === 0
    ? '0'
    : terms.length === 1 && isOneTerm(terms[0]!)
      ? terms[0]!
      : `(${terms.join(' + ')})`;
}
