/**
 * Arithmetic, comparisons and casts: one expression per output element, inputs broadcast as NumPy does. Where
 * TensorFlow.js' cpu backend has its own idea of an edge (NaN, zero, ties), this follows it.
 */
import { circularFunctions } from '../../wgsl-circular.ts';
import { broadcastPosition } from '../broadcast.ts';
import { type ElementLowering, type LoweringNode, registerLowering, type Scope } from '../lowering.ts';
import type { Position } from '../position.ts';
import { float } from '../wgsl.ts';

/** An element of an input, for an output element at `at`. */
export function read(node: LoweringNode, scope: Scope, name: string, at: Position): string {
  const value = node.input(name);
  return scope.element(value, broadcastPosition(at, node.shapeOf(value)));
}

type Write = (operands: readonly string[], node: LoweringNode, scope: Scope) => string;

/** Registers a pointwise kernel with these inputs. */
export function pointwise(
  kernels: string | readonly string[],
  inputs: readonly string[],
  cost: number,
  write: Write,
): void {
  registerLowering(
    kernels,
    (node): ElementLowering => ({
      kind: 'element',
      access: 'broadcast',
      cost,
      element(scope, at) {
        return write(
          inputs.map((name) => scope.let(read(node, scope, name, at))),
          node,
          scope,
        );
      },
    }),
  );
}

const unary = (
  kernel: string | readonly string[],
  cost: number,
  write: (x: string, node: LoweringNode, scope: Scope) => string,
): void => pointwise(kernel, ['x'], cost, ([x], node, scope) => write(x!, node, scope));

const binary = (
  kernel: string,
  cost: number,
  write: (a: string, b: string, node: LoweringNode, scope: Scope) => string,
): void => pointwise(kernel, ['a', 'b'], cost, ([a, b], node, scope) => write(a!, b!, node, scope));

const isFloat = (node: LoweringNode, name = 'a'): boolean => node.dtypeOf(node.input(name)) === 'float32';

const isBool = (node: LoweringNode, name = 'a'): boolean => node.dtypeOf(node.input(name)) === 'bool';

const number = (node: LoweringNode, name: string): number => Number(node.attrs[name]);

binary('Add', 1, (a, b, node) => (isBool(node) ? `(${a} || ${b})` : `(${a} + ${b})`));
binary('Sub', 1, (a, b) => `(${a} - ${b})`);
binary('Multiply', 1, (a, b, node) => (isBool(node) ? `(${a} && ${b})` : `(${a} * ${b})`));
binary('RealDiv', 2, (a, b) => `(${a} / ${b})`);
binary('DivNoNan', 2, (a, b) => `select(${a} / ${b}, 0.0, ${b} == 0.0)`);
binary('FloorDiv', 2, (a, b, node, scope) => {
  if (isFloat(node)) {
    // TensorFlow.js' result is int32 whatever the operands are.
    const whole = `floor(${a} / ${b})`;
    return node.dtypeOf(node.output()) === 'int32' ? `i32(${whole})` : whole;
  }
  const quotient = scope.let(`${a} / ${b}`);
  return `select(${quotient}, ${quotient} - 1, ((${a} < 0) != (${b} < 0)) && ${quotient} * ${b} != ${a})`;
});
binary('Mod', 2, (a, b, _, scope) => {
  const rest = scope.let(`${a} % ${b}`);
  const zero = isFloat(_) ? '0.0' : '0';
  return `select(${rest}, ${rest} + ${b}, ${rest} != ${zero} && ((${rest} < ${zero}) != (${b} < ${zero})))`;
});
binary('Maximum', 1, (a, b) => `max(${a}, ${b})`);
binary('Minimum', 1, (a, b) => `min(${a}, ${b})`);
binary('SquaredDifference', 1, (a, b, _, scope) => {
  const difference = scope.let(`${a} - ${b}`);
  return `(${difference} * ${difference})`;
});
binary('Atan2', 8, (a, b) => `atan2(${a}, ${b})`);
binary('Pow', 8, (a, b, node, scope) => {
  if (!isFloat(node)) {
    scope.helper(
      'powi',
      `fn powi(base: i32, exponent: i32) -> i32 {
        var result = 1;
        for (var i = 0; i < exponent; i++) { result = result * base; }
        return result;
      }`,
    );
    return `powi(${a}, ${b})`;
  }
  // WGSL's pow is undefined below zero: the sign is that of odd whole exponents.
  scope.helper(
    'power',
    `fn power(base: f32, exponent: f32) -> f32 {
      if (exponent == 0.0) { return 1.0; }
      if (base == 0.0) { return select(1.0 / abs(base), 0.0, exponent > 0.0); }
      let size = pow(abs(base), exponent);
      let odd = abs(exponent) % 2.0 == 1.0;
      return select(size, -size, base < 0.0 && odd);
    }`,
  );
  const known = node.constantOf(node.input('b'));
  if (known?.length === 1 && known[0] === 2) return `(${a} * ${a})`;
  if (known?.length === 1 && known[0] === 0.5) return `sqrt(${a})`;
  return `power(${a}, ${b})`;
});

for (const [kernel, sign] of [
  ['Greater', '>'],
  ['GreaterEqual', '>='],
  ['Less', '<'],
  ['LessEqual', '<='],
  ['Equal', '=='],
  ['NotEqual', '!='],
] as const) {
  binary(kernel, 1, (a, b) => `(${a} ${sign} ${b})`);
}
binary('LogicalAnd', 1, (a, b) => `(${a} && ${b})`);
binary('LogicalOr', 1, (a, b) => `(${a} || ${b})`);
unary('LogicalNot', 1, (x) => `(!${x})`);

unary('Abs', 1, (x) => `abs(${x})`);
unary('Neg', 1, (x) => `(-${x})`);
unary('Square', 1, (x) => `(${x} * ${x})`);
unary('Sqrt', 2, (x) => `sqrt(${x})`);
unary('Rsqrt', 2, (x) => `inverseSqrt(${x})`);
unary('Reciprocal', 2, (x) => `(1.0 / ${x})`);
unary('Sign', 1, (x) => `sign(${x})`);
unary('Floor', 1, (x) => `floor(${x})`);
unary('Ceil', 1, (x) => `ceil(${x})`);
unary('Round', 1, (x) => `round(${x})`);
unary('Exp', 8, (x) => `exp(${x})`);
unary('Log', 8, (x) => `log(${x})`);
unary('Sin', 8, (x, _, scope) => circular(scope, `sineOf(${x})`));
unary('Cos', 8, (x, _, scope) => circular(scope, `cosineOf(${x})`));
unary('Tan', 8, (x) => `tan(${x})`);
unary('Asin', 8, (x) => `asin(${x})`);
unary('Acos', 8, (x) => `acos(${x})`);
unary('Atan', 8, (x) => `atan(${x})`);
unary('Sinh', 8, (x) => `sinh(${x})`);
unary('Cosh', 8, (x) => `cosh(${x})`);
// Beyond 20 it is 1 to the last bit, and some drivers overflow on the way there.
unary('Tanh', 8, (x) => `tanh(clamp(${x}, -20.0, 20.0))`);
unary('Sigmoid', 8, (x) => `(1.0 / (1.0 + exp(-${x})))`);
unary('Softplus', 8, (x) => `(max(${x}, 0.0) + log(1.0 + exp(-abs(${x}))))`);
unary('Relu', 1, (x, node) => (isFloat(node, 'x') ? `max(${x}, 0.0)` : `max(${x}, 0)`));
unary('Relu6', 1, (x) => `clamp(${x}, 0.0, 6.0)`);
unary('Elu', 8, (x) => `select(exp(${x}) - 1.0, ${x}, ${x} >= 0.0)`);
unary(
  'Selu',
  8,
  (x) =>
    `select(${float(1.0507009873554805 * 1.6732632423543772)} * (exp(${x}) - 1.0), ${float(1.0507009873554805)} * ${x}, ${x} >= 0.0)`,
);
unary('LeakyRelu', 1, (x, node) => `select(${float(number(node, 'alpha'))} * ${x}, ${x}, ${x} >= 0.0)`);
unary('Step', 1, (x, node) => `select(1.0, ${float(number(node, 'alpha') || 0)}, ${x} <= 0.0)`);
unary('ClipByValue', 1, (x, node) => {
  const [low, high] = [number(node, 'clipValueMin'), number(node, 'clipValueMax')];
  if (!isFloat(node, 'x')) return `clamp(${x}, ${Math.trunc(low)}, ${Math.trunc(high)})`;
  const above = Number.isFinite(low) ? `max(${x}, ${float(low)})` : x;
  return Number.isFinite(high) ? `min(${above}, ${float(high)})` : above;
});
unary('IsNan', 1, (x) => `((bitcast<u32>(${x}) & 0x7fffffffu) > 0x7f800000u)`);
unary('IsInf', 1, (x) => `((bitcast<u32>(${x}) & 0x7fffffffu) == 0x7f800000u)`);
unary('IsFinite', 1, (x) => `((bitcast<u32>(${x}) & 0x7fffffffu) < 0x7f800000u)`);
unary('Log1p', 8, (x, _, scope) => {
  // 2·atanh(x/(2 + x)) near zero, where 1 + x loses the digits of x.
  scope.helper(
    'log1p',
    `fn log1p(x: f32) -> f32 {
      let s = x / (2.0 + x);
      let q = s * s;
      let near = 2.0 * s * (1.0 + q * (0.33333333 + q * (0.2 + q * (0.14285714 + q * 0.11111111))));
      return select(log(1.0 + x), near, abs(x) < 0.3);
    }`,
  );
  return `log1p(${x})`;
});
unary('Expm1', 8, (x, _, scope) => {
  scope.helper(
    'expm1',
    `fn expm1(x: f32) -> f32 {
      let near = x * (1.0 + x * (0.5 + x * (0.16666667 + x * (0.041666667 + x * (0.0083333333 + x * 0.0013888889)))));
      return select(exp(x) - 1.0, near, abs(x) < 0.3);
    }`,
  );
  return `expm1(${x})`;
});
unary('Erf', 8, (x, _, scope) => `${erf(scope)}(${x})`);

/** A call of one of `circularFunctions`. */
function circular(scope: Scope, call: string): string {
  scope.helper('circular', circularFunctions);
  return call;
}

/** The error function by Abramowitz & Stegun 7.1.26, as TensorFlow.js has it: off by 1.5e-7 at most. */
export function erf(scope: Scope): string {
  scope.helper(
    'erf',
    `fn erf(x: f32) -> f32 {
      let z = abs(x);
      let t = 1.0 / (1.0 + 0.3275911 * z);
      let series = ((((1.061405429 * t - 1.453152027) * t + 1.421413741) * t - 0.284496736) * t
        + 0.254829592) * t;
      return sign(x) * (1.0 - series * exp(-z * z));
    }`,
  );
  return 'erf';
}

pointwise('Prelu', ['x', 'alpha'], 1, ([x, alpha]) => `select(${alpha} * ${x}, ${x}, ${x} >= 0.0)`);
pointwise('EluGrad', ['dy', 'y'], 1, ([dy, y]) => `select(${dy} * (${y} + 1.0), ${dy}, ${y} >= 0.0)`);

registerLowering('Cast', (node): ElementLowering => {
  const [from, to] = [node.dtypeOf(node.input('x')), node.dtypeOf(node.output())];
  return {
    kind: 'element',
    access: 'order',
    cost: 0,
    element(scope, at) {
      const x = scope.element(node.input('x'), at.reshaped(node.shapeOf(node.input('x'))));
      if (from === to) return x;
      if (to === 'bool') return `(${x} != ${from === 'float32' ? '0.0' : '0'})`;
      const type = to === 'float32' ? 'f32' : 'i32';
      return from === 'bool' ? `select(${type}(0), ${type}(1), ${x})` : `${type}(${x})`;
    },
  };
});
