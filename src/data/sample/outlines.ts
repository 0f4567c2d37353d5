/**
 * Outlines of everything that generated pictures show, as corners around the origin. There are two sets: `shapes` are
 * the classes of the sample data, `figures` those that the shipped model was trained on. No figure is a shape: even
 * turned and laid over each other as well as they fit, they differ (a test holds it), so that a model that knows the
 * figures has never seen what it is fine-tuned to tell apart.
 */

type Corners = readonly (readonly [x: number, y: number])[];

const polar = (corners: number, radius: (angle: number) => number): Corners =>
  Array.from({ length: corners }, (_, i) => {
    const angle = (2 * Math.PI * i) / corners;
    return [radius(angle) * Math.cos(angle), radius(angle) * Math.sin(angle)];
  });

/** Points of an arc; angles in degrees, the end included. */
const arc = (from: number, to: number, radius = 1, x = 0, y = 0, corners = 24): Corners =>
  Array.from({ length: corners + 1 }, (_, i) => {
    const angle = ((from + ((to - from) * i) / corners) * Math.PI) / 180;
    return [x + radius * Math.cos(angle), y + radius * Math.sin(angle)];
  });

const alternating = (corners: number, inner: number): Corners =>
  Array.from({ length: corners }, (_, i) => {
    const [angle, radius] = [(2 * Math.PI * i) / corners, i % 2 === 0 ? 1 : inner];
    return [radius * Math.cos(angle), radius * Math.sin(angle)];
  });

/** Letters and the like from numbers in pairs. */
const pairs = (...numbers: readonly number[]): Corners =>
  numbers.flatMap((x, i) => (i % 2 === 0 ? [[x, numbers[i + 1]!] as const] : []));

const shapes = {
  circle: polar(32, () => 1),
  cross: pairs(1, 3, -1, 3, -1, 1, -3, 1, -3, -1, -1, -1, -1, -3, 1, -3, 1, -1, 3, -1, 3, 1, 1, 1),
  triangle: polar(3, () => 1),
  star: alternating(10, 0.42),
  square: polar(4, () => 1),
} as const;

const figures = {
  arrow: pairs(3, 0, 0.6, 2, 0.6, 0.8, -2.6, 0.8, -2.6, -0.8, 0.6, -0.8, 0.6, -2),
  chevron: pairs(2, 0, 0, 2, -1.6, 2, 0.4, 0, -1.6, -2, 0, -2),
  crescent: [...arc(50, 310), ...arc(277, 83, 0.77, 0.55)],
  drop: [...arc(60, 300), [2.1, 0]],
  ellipse: polar(32, (angle) => 1 / Math.hypot(Math.cos(angle) / 1.9, Math.sin(angle))),
  'half-disc': arc(0, 180),
  heart: Array.from({ length: 36 }, (_, i) => {
    const t = (2 * Math.PI * i) / 36;
    return [
      16 * Math.sin(t) ** 3,
      13 * Math.cos(t) - 5 * Math.cos(2 * t) - 2 * Math.cos(3 * t) - Math.cos(4 * t) + 2.5,
    ] as const;
  }),
  hourglass: pairs(1, 1.3, -1, 1.3, -0.2, 0, -1, -1.3, 1, -1.3, 0.2, 0),
  house: pairs(0, 2.6, -1.5, 0.9, -1.5, -1.7, 1.5, -1.7, 1.5, 0.9),
  key: [...arc(-155, 155, 1, 1.2), ...pairs(-2.2, 0.4, -2.2, -0.9, -1.5, -0.9, -1.5, -0.4)],
  'letter-e': pairs(
    -1,
    1.7,
    -1,
    -1.7,
    1.2,
    -1.7,
    1.2,
    -1,
    -0.2,
    -1,
    -0.2,
    -0.35,
    1,
    -0.35,
    1,
    0.35,
    -0.2,
    0.35,
    -0.2,
    1,
    1.2,
    1,
    1.2,
    1.7,
  ),
  'letter-h': pairs(
    -1.4,
    1.6,
    -1.4,
    -1.6,
    -0.6,
    -1.6,
    -0.6,
    -0.4,
    0.6,
    -0.4,
    0.6,
    -1.6,
    1.4,
    -1.6,
    1.4,
    1.6,
    0.6,
    1.6,
    0.6,
    0.4,
    -0.6,
    0.4,
    -0.6,
    1.6,
  ),
  'letter-l': pairs(-1, 1.6, -1, -1.6, 1.4, -1.6, 1.4, -0.7, -0.1, -0.7, -0.1, 1.6),
  'letter-t': pairs(-1.6, 1.5, -1.6, 0.7, -0.4, 0.7, -0.4, -1.7, 0.4, -1.7, 0.4, 0.7, 1.6, 0.7, 1.6, 1.5),
  'letter-u': pairs(-1.4, 1.5, -1.4, -1.5, 1.4, -1.5, 1.4, 1.5, 0.6, 1.5, 0.6, -0.7, -0.6, -0.7, -0.6, 1.5),
  'letter-z': pairs(-1.7, 1, -1.7, 0, -0.5, 0, -0.5, -1, 1.7, -1, 1.7, 0, 0.5, 0, 0.5, 1),
  lightning: pairs(0.5, 2.4, -1.2, -0.3, -0.1, -0.3, -0.5, -2.4, 1.2, 0.4, 0.1, 0.4),
  'pac-man': [...arc(40, 320), [0, 0]],
  parallelogram: pairs(-2, -0.9, 0.9, -0.9, 2, 0.9, -0.9, 0.9),
  propeller: polar(60, (angle) => 0.55 + 0.45 * Math.cos(3 * angle)),
  rectangle: pairs(-2, -0.85, 2, -0.85, 2, 0.85, -2, 0.85),
  rhombus: pairs(2, 0, 0, 1.05, -2, 0, 0, -1.05),
  // Both circles are joined by a cut without width.
  ring: [...arc(0, 360, 1, 0, 0, 32), ...arc(360, 0, 0.58, 0, 0, 32)],
  trapezoid: pairs(-2, -0.9, 2, -0.9, 0.7, 0.9, -0.7, 0.9),
} as const;

const sets = { shapes, figures } as const satisfies Record<string, Readonly<Record<string, Corners>>>;

/** Which classes a generated picture may show. */
export type SampleSet = keyof typeof sets;

export const sampleSets = Object.keys(sets) as readonly SampleSet[];

/** Class names in order of their labels. */
export const namesOf = (set: SampleSet): readonly string[] => outlines[set].names;

/** Corners x0, y0, x1, y1, … of a class, centred as it is drawn, enclosing an area of 1. */
export const outlineOf = (set: SampleSet, label: number): readonly number[] => outlines[set].unit[label]!;

/** How far the farthest corner of any class of area 1 is from its centre. */
export const reachOf = (set: SampleSet): number => outlines[set].reach;

const outlines = { shapes: prepared('shapes'), figures: prepared('figures') } as const;

function prepared(set: SampleSet) {
  const classes: Readonly<Record<string, Corners>> = sets[set];
  const unit = Object.values(classes)
    .map((corners) => (set === 'figures' ? centred(corners) : corners))
    .map(ofAreaOne);
  const reaches = unit.flatMap((corners) =>
    corners.map((x, i) => (i % 2 === 0 ? Math.hypot(x, corners[i + 1]!) : 0)),
  );
  return { names: Object.keys(classes), unit, reach: Math.max(...reaches) };
}

/** Moved so that the box around it has its middle at the origin. */
function centred(corners: Corners): Corners {
  const middle = (axis: 0 | 1): number => {
    const values = corners.map((corner) => corner[axis]);
    return (Math.min(...values) + Math.max(...values)) / 2;
  };
  const [left, up] = [middle(0), middle(1)];
  return corners.map(([x, y]) => [x - left, y - up]);
}

function ofAreaOne(corners: Corners): readonly number[] {
  let twice = 0;
  for (let i = 0; i < corners.length; i++) {
    const [x0, y0] = corners[i]!;
    const [x1, y1] = corners[(i + 1) % corners.length]!;
    twice += x0 * y1 - x1 * y0;
  }
  const scale = 1 / Math.sqrt(Math.abs(twice) / 2);
  return corners.flatMap(([x, y]) => [x * scale, y * scale]);
}
