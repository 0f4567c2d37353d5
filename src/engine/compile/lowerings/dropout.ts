/**
 * Dropout and drop path: whether an element is kept is a hash of seed, stream and place, so this is an expression
 * like any other. The same numbers as `ops/dropout.ts`, bit for bit.
 */
import { lowbias32 } from '../../ops/dropout.ts';
import { type ElementLowering, registerLowering } from '../lowering.ts';
import { Position } from '../position.ts';
import { float } from '../wgsl.ts';

registerLowering('OcelliDropout', (node): ElementLowering => {
  const { rate, stream, group } = node.attrs as Readonly<Record<string, number>>;
  const threshold = Math.round(rate! * 2 ** 24);
  const scale = 1 / (1 - rate!);
  // The whole key but the seed is known beforehand.
  const streamKey = lowbias32((stream! + 0x9e3779b9) | 0) >>> 0;
  return {
    kind: 'element',
    cost: 8,
    access: 'broadcast',
    element(scope, at) {
      scope.helper(
        'lowbias32',
        `fn lowbias32(value: u32) -> u32 {
var x = value;
x = (x ^ (x >> 16u)) * 0x7feb352du;
x = (x ^ (x >> 15u)) * 0x846ca68bu;
return x ^ (x >> 16u);
}`,
      );
      const seed = scope.element(node.input('seed'), Position.on([], []));
      const key = scope.let(`lowbias32(bitcast<u32>(${seed}) ^ ${streamKey}u)`);
      const draw = group === 1 ? `u32(${at.offset})` : `u32(${at.offset}) / ${group}u`;
      const bits = scope.let(`lowbias32(lowbias32((${draw}) ^ ${key}) + ${key}) >> 8u`);
      const x = scope.element(node.input('x'), at);
      return `select(0.0, ${x} * ${float(scale)}, ${bits} >= ${threshold}u)`;
    },
  };
});
