/** Activation functions of our own and their gradients; the formulas are those of `ops/activation.ts`. */
import type { Scope } from '../lowering.ts';
import { float } from '../wgsl.ts';
import { erf, pointwise } from './elements.ts';

/** Φ(x), the standard normal distribution function. */
function normalCdf(scope: Scope): string {
  const name = erf(scope);
  scope.helper(
    'normalCdf',
    `fn normalCdf(x: f32) -> f32 { return 0.5 * (1.0 + ${name}(x * ${float(Math.SQRT1_2)})); }`,
  );
  return 'normalCdf';
}

const density = float(1 / Math.sqrt(2 * Math.PI));

pointwise('OcelliGelu', ['x'], 8, ([x], _, scope) => `(${x} * ${normalCdf(scope)}(${x}))`);
pointwise(
  'OcelliGeluGradient',
  ['x', 'dy'],
  16,
  ([x, dy], _, scope) =>
    `(${dy} * (${normalCdf(scope)}(${x}) + ${x} * exp(-0.5 * ${x} * ${x}) * ${density}))`,
);

/** x·σ(factor·x) */
for (const [name, factor] of [
  ['QuickGelu', 1.702],
  ['Silu', 1],
] as const) {
  const gate = (x: string): string =>
    factor === 1 ? `1.0 / (1.0 + exp(-${x}))` : `1.0 / (1.0 + exp(-${x} * ${float(factor)}))`;
  pointwise(`Ocelli${name}`, ['x'], 8, ([x]) => `(${x} * ${gate(x!)})`);
  pointwise(`Ocelli${name}Gradient`, ['x', 'dy'], 8, ([x, dy], _, scope) => {
    const open = scope.let(gate(x!));
    return `(${dy} * ${open} * (1.0 + ${float(factor)} * ${x} * (1.0 - ${open})))`;
  });
}
