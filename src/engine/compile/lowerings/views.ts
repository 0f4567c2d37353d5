/** Views: where an output element lies in an input. They cost nothing and are never computed for their own sake. */
import { type ElementLowering, type LoweringNode, registerLowering, type Scope } from '../lowering.ts';
import { Position } from '../position.ts';

type Find = (node: LoweringNode, scope: Scope, at: Position) => Position;

/** Registers a view of the input `x`. */
function view(kernels: string | readonly string[], find: Find, access?: 'order'): void {
  registerLowering(
    kernels,
    (node): ElementLowering => ({
      kind: 'element',
      cost: 0,
      ...(access ? { access } : {}),
      element: (scope, at) => scope.element(node.input(inputName(node)), find(node, scope, at)),
    }),
  );
}

/** The one data input: `x`, `input` in ExpandDims. */
const inputName = (node: LoweringNode): string => (node.node.inputs.x === undefined ? 'input' : 'x');
const inputShape = (node: LoweringNode): readonly number[] => node.shapeOf(node.input(inputName(node)));

view(
  ['Reshape', 'Identity', 'ExpandDims', 'Squeeze'],
  (node, _, at) => at.reshaped(inputShape(node)),
  'order',
);

view('Transpose', (node, _, at) => {
  const perm = node.attrs.perm as readonly number[];
  const axes: string[] = [];
  perm.forEach((from, to) => {
    axes[from] = at.axes[to]!;
  });
  return Position.on(inputShape(node), axes);
});
