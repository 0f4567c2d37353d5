/**
 * Where in a value a kernel stands: one WGSL i32 expression per axis, or one offset in row-major order. Whichever
 * is missing is derived, so that a kernel that walks a value in its own order divides and multiplies nothing.
 */

/** Row-major strides: [4, 2, 3] → [6, 3, 1]. */
export function stridesOf(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length).fill(1);
  for (let axis = shape.length - 2; axis >= 0; axis--) strides[axis] = strides[axis + 1]! * shape[axis + 1]!;
  return strides;
}

export const sizeOf = (shape: readonly number[]): number =>
  shape.reduce((product, dimension) => product * dimension, 1);

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
    if (this.knownOffset === undefined) {
      const strides = stridesOf(this.shape);
      const terms = this.knownAxes!.flatMap((axis, i) => {
        if (this.shape[i] === 1 || axis === '0') return [];
        return [strides[i] === 1 ? axis : `${axis} * ${strides[i]}`];
      });
      this.knownOffset = terms.length === 0 ? '0' : terms.length === 1 ? terms[0]! : `(${terms.join(' + ')})`;
    }
    return this.knownOffset;
  }

  /** One coordinate per axis. */
  get axes(): readonly string[] {
    if (this.knownAxes === undefined) {
      const strides = stridesOf(this.shape);
      const offset = this.knownOffset!;
      const first = this.shape.findIndex((dimension) => dimension !== 1);
      this.knownAxes = this.shape.map((dimension, i) => {
        if (dimension === 1) return '0';
        const divided = strides[i] === 1 ? `(${offset})` : `((${offset}) / ${strides[i]})`;
        // The outermost axis can not overflow.
        return i === first ? divided : `(${divided} % ${dimension})`;
      });
    }
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
}
