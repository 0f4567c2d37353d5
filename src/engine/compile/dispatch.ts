/** How many workgroups, and which one this is: a flat count does not fit into one dimension above 65535. */

const perDimension = 65535;

export interface FlatDispatch {
  readonly workgroups: readonly [number, number, number];
  /** WGSL, i32: the number of this workgroup. There may be a few more than were asked for. */
  readonly index: string;
}

export function flatDispatch(count: number): FlatDispatch {
  if (count <= perDimension) return { workgroups: [Math.max(count, 1), 1, 1], index: 'i32(group.x)' };
  const rows = Math.ceil(count / perDimension);
  const columns = Math.ceil(count / rows);
  return { workgroups: [columns, rows, 1], index: `(i32(group.y) * ${columns} + i32(group.x))` };
}
