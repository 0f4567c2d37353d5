/** The size that an image gets, for many sizes and every rule. */
import type { Size } from '../../../src/core/index.ts';
import {
  detrSize,
  mask2formerSize,
  maxHeightWidthSize,
  shortestEdgeSize,
  yolosSize,
} from '../../../src/vision/index.ts';
import { type KindHandler, readJson } from '../case.ts';

type Arguments = Readonly<Record<string, number>>;

interface Group {
  readonly function: string;
  readonly args: Arguments;
  /** height, width, expected height, expected width. */
  readonly vectors: readonly (readonly [number, number, number, number])[];
}

const functions: Readonly<Record<string, (size: Size, args: Arguments) => Size>> = {
  detr_shortest_longest: (size, { shortest, longest }) => detrSize(size, shortest!, longest),
  yolos_shortest_longest: (size, { shortest, longest, mod }) => yolosSize(size, shortest!, longest, mod),
  mask2former_shortest_longest: (size, { shortest, longest, size_divisor }) =>
    mask2formerSize(size, shortest!, longest, size_divisor),
  detr_max_height_width: (size, { max_height, max_width }) =>
    maxHeightWidthSize(size, max_height!, max_width!),
  shortest_edge: (size, { shortest, longest }) => shortestEdgeSize(size, shortest!, longest),
};

export const sizeVectors: KindHandler = async (parityCase, report) => {
  for (const group of await readJson<Group[]>(parityCase, 'cases.json')) {
    const check = `${group.function} ${JSON.stringify(group.args)}`;
    const compute = functions[group.function];
    if (!compute) {
      report.fail(check, `unknown function; known: ${Object.keys(functions).join(', ')}`);
      continue;
    }
    const sizes = group.vectors.map(([height, width]) => compute({ height, width }, group.args));
    report.close(
      check,
      sizes.flatMap(({ height, width }) => [height, width]),
      group.vectors.flatMap(([, , height, width]) => [height, width]),
      { atol: 0 },
    );
  }
};
