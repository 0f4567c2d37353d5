/** Where an output element of a broadcasting kernel finds its inputs. */
import { Position, sizeOf } from './position.ts';

/** The place in an input of `shape` that goes into the output element `at`, by NumPy's rules. */
export function broadcastPosition(at: Position, shape: readonly number[]): Position {
  const size = sizeOf(shape);
  if (size === 1)
    return Position.both(
      shape,
      '0',
      shape.map(() => '0'),
    );
  if (size === sizeOf(at.shape)) return sameShape(shape, at.shape) ? at : at.reshaped(shape);
  const missing = at.shape.length - shape.length;
  if (!at.hasAxes) return Position.at(shape, broadcastOffset(at, shape, missing));
  return Position.on(
    shape,
    shape.map((dimension, axis) => (dimension === 1 ? '0' : at.axes[axis + missing]!)),
  );
}

/** Neighbouring axes that are alike are one: fewer divisions. */
function broadcastOffset(at: Position, shape: readonly number[], missing: number): string {
  const runs: { size: number; spread: boolean }[] = [];
  at.shape.forEach((dimension, axis) => {
    if (dimension === 1) return;
    const spread = axis < missing || shape[axis - missing] === 1;
    const last = runs.at(-1);
    if (last && last.spread === spread) last.size *= dimension;
    else runs.push({ size: dimension, spread });
  });
  const walked = Position.at(
    runs.map(({ size }) => size),
    at.offset,
  ).axes;
  const inner = runs.filter(({ spread }) => !spread).map(({ size }) => size);
  return Position.on(
    inner,
    walked.filter((_, run) => !runs[run]!.spread),
  ).offset;
}

export const sameShape = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((dimension, axis) => dimension === b[axis]);
