/**
 * Updates of parameters that are equal but for their tensors become one kernel. What they read and write is laid
 * out side by side: the parameters in one buffer, their gradients in another, the moments in others, each tensor
 * at the same offset everywhere. One walk then steps them all, in place. This is how a step of AdamW over all
 * parameters of a model is one dispatch, without anything here knowing of AdamW.
 */

import { type Analysis, elementsOf, inputsOf, reshapedBy } from './analysis.ts';
import { keyOf } from './key.ts';
import type { Placement } from './placement.ts';

/** Members begin at multiples of 256 bytes, as bindings must, also where a copy of the arena is f16. */
const alignment = 128;

/** Tensors side by side in one buffer. */
export interface Arena {
  readonly elements: number;
  readonly members: ReadonlyMap<number, number>;
}

/** A walk over part of some arenas that does what every one of its groups would do alone. */
export interface ArenaWalk {
  readonly nodes: readonly number[];
  /** The nodes of the group that is written out for all. */
  readonly pattern: readonly number[];
  /** Values of the pattern in memory: the arena where all groups have theirs. */
  readonly arenaOf: ReadonlyMap<number, Arena>;
  /** Values that the pattern writes. */
  readonly stores: readonly number[];
  /** Elements of the arenas. */
  readonly begin: number;
  readonly end: number;
  /** Parameters that are overwritten. */
  readonly overwrites: readonly number[];
}

/**
 * Nodes that only update parameters, element by element: they wait for their like instead of joining others. So do
 * steps that are not taken as they are, because an overflow leaves the old numbers in place.
 */
export function updateNodes({ graph, lowerings, readers }: Analysis): Set<number> {
  const updated = new Set(Object.values(graph.updates));
  const overwritten = new Set(Object.keys(graph.updates).map((name) => graph.parameters[name]));
  const read = new Set(Object.values(graph.outputs));
  const found = new Set<number>();
  const isStep = (position: number): boolean => {
    const node = graph.nodes[position]!;
    if (lowerings[position]!.kind !== 'element') return false;
    if (node.outputs.some((value) => read.has(value))) return false;
    const size = elementsOf({ graph }, node.outputs[0]!);
    if (size <= 1 || node.outputs.some((value) => elementsOf({ graph }, value) !== size)) return false;
    // An average of weights follows the step of the weights; nothing else may.
    const followers = node.outputs.flatMap((value) => readers.get(value) ?? []);
    if (node.outputs.every((value) => updated.has(value)))
      return followers.every((reader) => leadsToUpdates({ graph, readers }, reader, updated));
    return (
      followers.length > 0 &&
      followers.every((reader) => found.has(reader)) &&
      Object.values(node.inputs).some((value) => overwritten.has(value))
    );
  };
  for (let position = graph.nodes.length - 1; position >= 0; position--)
    if (isStep(position)) found.add(position);
  return found;
}

function leadsToUpdates(
  analysis: Pick<Analysis, 'graph' | 'readers'>,
  position: number,
  updated: ReadonlySet<number>,
): boolean {
  const { outputs } = analysis.graph.nodes[position]!;
  return outputs.every(
    (value) =>
      updated.has(value) ||
      (analysis.readers.get(value) ?? []).some((reader) => leadsToUpdates(analysis, reader, updated)),
  );
}

interface Candidate {
  readonly nodes: readonly number[];
  readonly size: number;
  /** Equal for updates that are equal but for their tensors and scalars. */
  readonly form: string;
  /** The scalars, which all of one kernel must share. */
  readonly scalars: string;
  /** Tensors in the order in which they are met. */
  readonly roles: readonly number[];
  readonly stores: readonly { readonly value: number; readonly role: number }[];
  /** For a stable order from plan to plan. */
  readonly name: string;
}

/**
 * `groups`: those made of update nodes. `elements`: how many an arena may hold. `readToMake`: what the kernel reads
 * that writes a value: one buffer can't be read and written by one kernel.
 */
export function arenaWalks(
  analysis: Analysis,
  placement: Placement,
  groups: readonly (readonly number[])[],
  elements: number,
  readToMake: (value: number) => ReadonlySet<number>,
): { readonly arenas: readonly Arena[]; readonly walks: readonly ArenaWalk[] } {
  const forms = new Map<string, Candidate[]>();
  const taken = new Set<number>();
  for (const nodes of groups) {
    const candidate = describe(analysis, placement, nodes);
    if (!candidate || candidate.size > elements || candidate.roles.some((value) => taken.has(value)))
      continue;
    if (overwritesWhatIsStillRead(analysis, candidate)) continue;
    for (const value of [...candidate.roles, ...candidate.stores.map((store) => store.value)])
      taken.add(value);
    const like = forms.get(candidate.form);
    if (like) like.push(candidate);
    else forms.set(candidate.form, [candidate]);
  }
  const arenas: Arena[] = [];
  const walks: ArenaWalk[] = [];
  for (const all of forms.values()) {
    for (const apart of keptApart(all, readToMake)) {
      for (const candidates of cut(sorted(apart), elements)) {
        const laid = layOut(candidates);
        arenas.push(...laid.arenas);
        walks.push(...laid.walks);
      }
    }
  }
  return { arenas, walks };
}

/** Undefined when it is no walk over equal offsets. */
function describe(analysis: Analysis, placement: Placement, nodes: readonly number[]): Candidate | undefined {
  const { graph, producers } = analysis;
  const size = elementsOf(analysis, graph.nodes[nodes[0]!]!.outputs[0]!);
  const members = new Set(nodes);
  const roles: number[] = [];
  const scalars: number[] = [];
  const roleOf = (value: number): number => {
    const known = roles.indexOf(value);
    return known >= 0 ? known : roles.push(value) - 1;
  };
  const visitNode = (position: number): string | undefined => {
    const node = graph.nodes[position]!;
    const lowering = analysis.lowerings[position]!;
    const inputs = Object.entries(node.inputs);
    if (lowering.kind !== 'element' || (inputs.length > 0 && !lowering.access)) return undefined;
    const { shape: _, ...attrs } = node.attrs;
    const parts = inputs.map(([name, value]) => {
      const part = visit(value);
      return part === undefined ? undefined : `${name}: ${part}`;
    });
    return parts.includes(undefined) ? undefined : `${node.kernel} ${keyOf(attrs)} (${parts})`;
  };
  const visit = (value: number): string | undefined => {
    if (elementsOf(analysis, value) === 1) return `scalar ${known(scalars, plain(analysis, value))}`;
    const producer = producers.get(value);
    const number =
      producer && !placement.rooted[producer.node] ? spreadBy(analysis, producer.node) : undefined;
    if (number !== undefined) return visit(number);
    if (elementsOf(analysis, value) !== size || graph.values[value]!.dtype !== 'float32') return undefined;
    if (producer && members.has(producer.node))
      return `own ${nodes.indexOf(producer.node)} ${producer.output}`;
    if (producer && !placement.rooted[producer.node]) {
      const inner = reshapedBy(analysis, value);
      return inner === undefined ? visitNode(producer.node) : visit(inner);
    }
    const isGiven = Object.values(graph.inputs).includes(value) || graph.constants.has(value);
    return isGiven ? undefined : `tensor ${roleOf(value)}`;
  };
  const texts = nodes.map(visitNode);
  if (texts.includes(undefined)) return undefined;
  const names = new Map(Object.entries(graph.updates).map(([name, value]) => [value, name]));
  const stores = nodes.flatMap((node) =>
    graph.nodes[node]!.outputs.flatMap((value) => {
      const name = names.get(value);
      if (name === undefined) return [];
      const parameter = graph.parameters[name];
      return [{ value, role: parameter === undefined ? -1 : roleOf(parameter) }];
    }),
  );
  if (stores.length === 0 || stores.some(({ role }) => role < 0)) return undefined;
  return {
    nodes,
    size,
    form: `${texts.join('; ')} → ${stores.map(({ role }) => role)}`,
    scalars: scalars.join(),
    roles,
    stores,
    name: names.get(stores[0]!.value)!,
  };
}

/** What the value is a reshape of, in the end. */
function plain(analysis: Analysis, value: number): number {
  const inner = reshapedBy(analysis, value);
  return inner === undefined ? value : plain(analysis, inner);
}

/** The one number that a view repeats throughout. */
function spreadBy({ graph, lowerings }: Analysis, position: number): number | undefined {
  const lowering = lowerings[position]!;
  const inputs = inputsOf(graph.nodes[position]!);
  const isView = lowering.kind === 'element' && lowering.cost === 0 && !lowering.branches;
  return isView && inputs.length === 1 && elementsOf({ graph }, inputs[0]!) === 1 ? inputs[0] : undefined;
}

function known(list: number[], value: number): number {
  const at = list.indexOf(value);
  return at >= 0 ? at : list.push(value) - 1;
}

/** Somebody needs the old numbers of a parameter after its new ones. */
function overwritesWhatIsStillRead(
  { graph, readers }: Analysis,
  { nodes, roles, stores }: Candidate,
): boolean {
  const after = new Set<number>();
  const follow = (position: number): void => {
    for (const value of graph.nodes[position]!.outputs) {
      for (const reader of readers.get(value) ?? []) {
        if (after.has(reader)) continue;
        after.add(reader);
        follow(reader);
      }
    }
  };
  for (const node of nodes) follow(node);
  const members = new Set(nodes);
  const kept = new Set(Object.values(graph.outputs));
  return stores.some(({ role }) => {
    const parameter = roles[role]!;
    if (kept.has(parameter)) return true;
    return (readers.get(parameter) ?? []).some((reader) => after.has(reader) && !members.has(reader));
  });
}

/** Equal scalars side by side, then by name: the same layout in every plan of a model. */
function sorted(candidates: readonly Candidate[]): Candidate[] {
  const byName = candidates.toSorted((a, b) => (a.name < b.name ? -1 : 1));
  const order = [...new Set(byName.map(({ scalars }) => scalars))];
  return byName.toSorted((a, b) => order.indexOf(a.scalars) - order.indexOf(b.scalars));
}

/** As few lists as it takes so that no kernel reads one member of an arena and writes another. */
function keptApart(
  candidates: readonly Candidate[],
  readToMake: (value: number) => ReadonlySet<number>,
): Candidate[][] {
  const conflict = (a: Candidate, b: Candidate): boolean =>
    a.roles.some((value, role) => readToMake(value).has(b.roles[role]!)) ||
    b.roles.some((value, role) => readToMake(value).has(a.roles[role]!));
  const lists: Candidate[][] = [];
  for (const candidate of candidates) {
    const free = lists.find((list) => !list.some((other) => conflict(candidate, other)));
    if (free) free.push(candidate);
    else lists.push([candidate]);
  }
  return lists;
}

const aligned = (size: number): number => Math.ceil(size / alignment) * alignment;

function cut(candidates: readonly Candidate[], elements: number): Candidate[][] {
  const parts: Candidate[][] = [];
  let used = Number.POSITIVE_INFINITY;
  for (const candidate of candidates) {
    if (used + aligned(candidate.size) > elements) {
      parts.push([]);
      used = 0;
    }
    parts.at(-1)!.push(candidate);
    used += aligned(candidate.size);
  }
  return parts;
}

function layOut(candidates: readonly Candidate[]): { arenas: Arena[]; walks: ArenaWalk[] } {
  const [first] = candidates as [Candidate];
  const members = first.roles.map(() => new Map<number, number>());
  let offset = 0;
  const begins = candidates.map(({ size, roles, stores }) => {
    const begin = offset;
    for (const [role, value] of roles.entries()) members[role]!.set(value, begin);
    for (const { value, role } of stores) members[role]!.set(value, begin);
    offset += aligned(size);
    return begin;
  });
  const arenas = members.map((own) => ({ elements: offset, members: own }));
  const walks: ArenaWalk[] = [];
  candidates.forEach((candidate, i) => {
    if (i > 0 && candidates[i - 1]!.scalars === candidate.scalars) return;
    const like = candidates.filter(({ scalars }) => scalars === candidate.scalars);
    const last = i + like.length - 1;
    walks.push({
      nodes: like.flatMap(({ nodes }) => nodes).sort((a, b) => a - b),
      pattern: candidate.nodes,
      arenaOf: new Map([
        ...candidate.roles.map((value, role) => [value, arenas[role]!] as const),
        ...candidate.stores.map(({ value, role }) => [value, arenas[role]!] as const),
      ]),
      stores: candidate.stores.map(({ value }) => value),
      begin: begins[i]!,
      end: begins[last]! + aligned(candidates[last]!.size),
      overwrites: like.flatMap(({ roles, stores }) => stores.map(({ role }) => roles[role]!)),
    });
  });
  return { arenas, walks };
}
