/** One kernel for all updates of a kind, over tensors that lie side by side. */
import type { ArenaWalk } from '../arenas.ts';
import { flatDispatch } from '../dispatch.ts';
import { Position, spellQuad } from '../position.ts';
import type { EmitContext } from './context.ts';

const threads = 256;

/** `memory`: the value that an arena is. */
export function writeArena(
  context: EmitContext,
  walk: ArenaWalk,
  memory: (value: number) => number | undefined,
): void {
  const vectors = (walk.end - walk.begin) / 4;
  const first = walk.begin / 4;
  const flat = flatDispatch(Math.ceil(vectors / threads));
  const { graph } = context.analysis;
  context.kernel(
    { nodes: walk.pattern, stores: walk.stores },
    () => ({
      label: `${context.label({ nodes: walk.pattern })} × ${walk.nodes.length / walk.pattern.length}`,
      workgroupSize: [threads, 1, 1],
      workgroups: flat.workgroups,
      nodes: walk.nodes,
      write(kernel) {
        const { main } = kernel;
        const number = main.let(`${flat.index} * ${threads} + i32(lane)`);
        main.line(`if (${number} >= ${vectors}) { return; }`);
        const vector = first > 0 ? main.let(`${number} + ${first}`) : number;
        // All is read before anything is overwritten.
        const results = walk.stores.map((value) =>
          [0, 1, 2, 3].map((part) =>
            kernel.compute(main, value, Position.at(graph.values[value]!.shape, spellQuad({ vector, part }))),
          ),
        );
        for (const [i, value] of walk.stores.entries()) kernel.writeVector(main, value, vector, results[i]!);
      },
    }),
    true,
    (value) => memory(value) ?? value,
  );
}
