/**
 * Steps of optimisers that are operations of their own: all results of one parameter from one look at its
 * numbers. The formulas are those of `ops/optimizer-step.ts`.
 */
import { broadcastPosition } from '../broadcast.ts';
import { type ElementLowering, registerLowering } from '../lowering.ts';
import { float } from '../wgsl.ts';

registerLowering('OcelliAdamStep', (node): ElementLowering => {
  const { beta1, beta2, epsilon, decoupled, maximize } = node.attrs;
  // 1 − β in double precision: 1 − 0.999 in single is off by 1e-5 of itself.
  const rest = (beta: unknown): string => float(1 - Number(beta));
  return {
    kind: 'element',
    access: 'broadcast',
    cost: 8,
    element(scope, at, output) {
      const read = (name: string): string => {
        const value = node.input(name);
        return scope.let(scope.element(value, broadcastPosition(at, node.shapeOf(value))));
      };
      const gradient = (): string => {
        const own = maximize ? `(-${read('gradient')})` : read('gradient');
        return scope.let(decoupled ? own : `(${own} + ${read('decay')} * ${read('parameter')})`);
      };
      const moment = (which: 1 | 2): string => {
        const g = gradient();
        return which === 1
          ? `(${float(Number(beta1))} * ${read('mean')} + ${rest(beta1)} * ${g})`
          : `(${float(Number(beta2))} * ${read('square')} + ${rest(beta2)} * ${g} * ${g})`;
      };
      if (output > 0) return moment(output as 1 | 2);
      const [mean, square] = [1, 2].map((output) => scope.element(node.output(output), at, true));
      const kept = decoupled ? `${read('parameter')} * ${read('decay')}` : read('parameter');
      return `(${kept} - ${read('stepSize')} * ${mean} / (sqrt(${square}) * ${read('inverseRoot')} + ${float(Number(epsilon))}))`;
    },
  };
});
