/**
 * Numbers that vary with the input, computed at run time. The dimensions of the values that exist already are
 * the vocabulary; a number that was observed as, say, 6, 8, 15 while two dimensions were 2, 4, 3 and 3, 2, 5 is
 * their product. Sizes are recorded such that unlike dimensions have unlike observations, and the exported
 * model is checked at a size that was not recorded, so a wrong guess is found.
 */
import { DataType } from '../../formats/onnx/index.ts';
import type { OnnxBuilder } from './builder.ts';
import { isFixed, sameVarying, type Varying } from './program.ts';

interface Known {
  readonly observed: Varying;
  /** Emits the number as an int64 tensor [1], once. */
  readonly emit: () => string;
}

export class Dimensions {
  private readonly known = new Map<string, Known>();
  private readonly shapes = new Map<string, string>();

  constructor(private readonly onnx: OnnxBuilder) {}

  /** Remembers that axis `axis` of an ONNX value is this number. */
  register(observed: Varying, valueName: string, axis: number): void {
    if (isFixed(observed) || this.known.has(observed.join())) return;
    this.remember(observed, () => {
      let shape = this.shapes.get(valueName);
      if (shape === undefined) {
        shape = this.onnx.one('Shape', [valueName], {}, DataType.int64);
        this.shapes.set(valueName, shape);
      }
      return this.onnx.one('Gather', [shape, this.onnx.ints([axis])], { axis: 0 });
    });
  }

  /** The number as an int64 tensor [1]; undefined where nothing explains the observations. */
  resolve(observed: Varying): string | undefined {
    if (isFixed(observed)) return this.onnx.ints([observed[0]!]);
    const known = this.known.get(observed.join()) ?? this.explain(observed);
    return known?.emit();
  }

  /** An int64 tensor [numbers.length] of fixed and varying numbers; undefined where one is not explained. */
  vector(numbers: readonly Varying[]): string | undefined {
    if (numbers.every(isFixed)) return this.onnx.ints(numbers.map((number) => number[0]!));
    const parts = numbers.map((number) => this.resolve(number));
    if (parts.some((part) => part === undefined)) return undefined;
    return parts.length === 1 ? parts[0]! : this.onnx.one('Concat', parts as string[], { axis: 0 });
  }

  private remember(observed: Varying, make: () => string): Known {
    let name: string | undefined;
    const known: Known = {
      observed,
      emit: () => {
        name ??= make();
        return name;
      },
    };
    this.known.set(observed.join(), known);
    return known;
  }

  /** Simple laws first: a multiple, a shift, a product, a sum, a quotient of known numbers. */
  private explain(observed: Varying): Known | undefined {
    const known = [...this.known.values()];
    const binary = (op: string, a: Known, b: string | Known): Known =>
      this.remember(observed, () =>
        this.onnx.one(op, [a.emit(), typeof b === 'string' ? b : b.emit()], {}, DataType.int64),
      );
    for (const a of known) {
      const quotient = observed.map((value, i) => value / a.observed[i]!);
      if (isFixed(quotient) && Number.isInteger(quotient[0]))
        return binary('Mul', a, this.onnx.ints([quotient[0]!]));
      const inverse = quotient.map((value) => 1 / value);
      if (isFixed(inverse) && Number.isInteger(inverse[0]))
        return binary('Div', a, this.onnx.ints([inverse[0]!]));
      const difference = observed.map((value, i) => value - a.observed[i]!);
      if (isFixed(difference)) return binary('Add', a, this.onnx.ints([difference[0]!]));
    }
    for (const a of known) {
      const law = floorLaw(observed, a.observed);
      if (!law) continue;
      return this.remember(observed, () => {
        const whole = this.onnx.one('Div', [a.emit(), this.onnx.ints([law.divisor])], {}, DataType.int64);
        return this.onnx.one('Mul', [whole, this.onnx.ints([law.factor])], {}, DataType.int64);
      });
    }
    for (const [i, a] of known.entries()) {
      for (const b of known.slice(i)) {
        const product = a.observed.map((value, k) => value * b.observed[k]!);
        if (sameVarying(observed, product)) return binary('Mul', a, b);
        const offset = observed.map((value, k) => value - product[k]!);
        if (isFixed(offset)) {
          return this.remember(observed, () => {
            const inner = this.onnx.one('Mul', [a.emit(), b.emit()], {}, DataType.int64);
            return this.onnx.one('Add', [inner, this.onnx.ints([offset[0]!])], {}, DataType.int64);
          });
        }
        const ratio = observed.map((value, k) => value / product[k]!);
        if (isFixed(ratio) && Number.isInteger(ratio[0])) {
          return this.remember(observed, () => {
            const inner = this.onnx.one('Mul', [a.emit(), b.emit()], {}, DataType.int64);
            return this.onnx.one('Mul', [inner, this.onnx.ints([ratio[0]!])], {}, DataType.int64);
          });
        }
        if (
          sameVarying(
            observed,
            a.observed.map((value, k) => value + b.observed[k]!),
          )
        )
          return binary('Add', a, b);
        if (
          sameVarying(
            observed,
            a.observed.map((value, k) => value - b.observed[k]!),
          )
        )
          return binary('Sub', a, b);
        if (
          sameVarying(
            observed,
            a.observed.map((value, k) => value / b.observed[k]!),
          )
        )
          return binary('Div', a, b);
        if (
          sameVarying(
            observed,
            b.observed.map((value, k) => value / a.observed[k]!),
          )
        )
          return binary('Div', b, a);
      }
    }
    return undefined;
  }
}

/**
 * `observed` as ⌊a / divisor⌋ · factor, as cropping to whole patches has it (divisor = factor then, which is
 * tried first). Undefined unless the observations leave one divisor.
 */
function floorLaw(observed: Varying, a: Varying): { divisor: number; factor: number } | undefined {
  if (observed.some((value) => value < 1 || !Number.isInteger(value))) return undefined;
  const common = observed.reduce(greatestCommonDivisor);
  const fits = (divisor: number, factor: number): boolean =>
    observed.every((value, i) => Math.floor(a[i]! / divisor) * factor === value);
  if (common > 1 && fits(common, common)) return { divisor: common, factor: common };
  for (const factor of common > 1 ? [common, 1] : [1]) {
    const low = Math.max(...observed.map((value, i) => Math.floor(a[i]! / (value / factor + 1)) + 1));
    const high = Math.min(...observed.map((value, i) => Math.floor(a[i]! / (value / factor))));
    if (low === high && low > 1 && fits(low, factor)) return { divisor: low, factor };
  }
  return undefined;
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
