/**
 * Einstein summation on WebAssembly, for one or two operands: axes are put in the order (kept by both, kept by
 * one, summed), and a batched matrix product does the rest.
 */

import { replaceKernel } from '../kernels.ts';
import * as tf from '../tf.ts';

export function registerEinsum(): void {
  replaceKernel('Einsum', 'wasm', ({ inputs, attrs }) => {
    const { equation } = attrs as unknown as { equation: string };
    return tf.tidy(() => einsum(equation, Object.values(inputs) as unknown as tf.Tensor[]));
  });
}

function einsum(equation: string, operands: readonly tf.Tensor[]): tf.Tensor {
  const [left, right] = equation.replace(/\s/g, '').split('->') as [string, string | undefined];
  const terms = left.split(',');
  const repeated = terms.some((term) => new Set(term).size < term.length);
  if (terms.length !== operands.length || terms.length > 2 || right === undefined || repeated)
    throw new Error(`einsum on wasm knows one or two operands without repeated letters, not ${equation}`);
  if (terms.length === 1) return single(terms[0]!, operands[0]!, right);
  const [a, b] = terms as [string, string];
  // Letters of one operand alone that the result lacks are summed first.
  const keepA = letters(a, (letter) => b.includes(letter) || right.includes(letter));
  const keepB = letters(b, (letter) => a.includes(letter) || right.includes(letter));
  const x = single(a, operands[0]!, keepA);
  const y = single(b, operands[1]!, keepB);
  const batch = letters(keepA, (letter) => keepB.includes(letter) && right.includes(letter));
  const summed = letters(keepA, (letter) => keepB.includes(letter) && !right.includes(letter));
  const rows = letters(keepA, (letter) => !keepB.includes(letter));
  const columns = letters(keepB, (letter) => !keepA.includes(letter));
  const sizes = new Map<string, number>();
  [...keepA].forEach((letter, i) => void sizes.set(letter, x.shape[i]!));
  [...keepB].forEach((letter, i) => void sizes.set(letter, y.shape[i]!));
  const size = (part: string): number =>
    [...part].reduce((product, letter) => product * sizes.get(letter)!, 1);
  const product = tf.matMul(
    tf.reshape(single(keepA, x, batch + rows + summed), [size(batch), size(rows), size(summed)]),
    tf.reshape(single(keepB, y, batch + summed + columns), [size(batch), size(summed), size(columns)]),
  );
  const found = batch + rows + columns;
  const shaped = tf.reshape(
    product,
    [...found].map((letter) => sizes.get(letter)!),
  );
  return single(found, shaped, right);
}

const letters = (term: string, wanted: (letter: string) => boolean): string =>
  [...term].filter(wanted).join('');

/** Sums what the result lacks and puts the rest into its order. */
function single(term: string, x: tf.Tensor, result: string): tf.Tensor {
  const axes = [...term].flatMap((letter, axis) => (result.includes(letter) ? [] : [axis]));
  const kept = letters(term, (letter) => result.includes(letter));
  const summed = axes.length > 0 ? tf.sum(x, axes) : x;
  return kept === result
    ? tf.clone(summed)
    : tf.transpose(
        summed,
        [...result].map((letter) => kept.indexOf(letter)),
      );
}
