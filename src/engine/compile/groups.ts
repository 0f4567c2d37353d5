/**
 * Which rooted nodes share a kernel. Every node starts alone; two groups are joined when one walk does for both,
 * when values pass between them element by element, when no third group stands between them, and when the
 * device can bind what they touch together. Joining saves a trip through memory or a dispatch.
 */
import { type Analysis, elementsOf } from './analysis.ts';
import { type Arena, arenaWalks, updateNodes } from './arenas.ts';
import { type Domain, domainOf, fullSize, isCut, placeIn, unify } from './domains.ts';
import { branches, type Placement } from './placement.ts';
import type { Relation } from './relations.ts';

export interface Group {
  /** Positions in `Graph.nodes`, ascending. */
  readonly nodes: readonly number[];
  readonly domain: Domain;
  /** Values of this group that others read, or that the plan keeps. */
  readonly stores: readonly number[];
  /** Values that it reads from memory. */
  readonly reads: readonly number[];
}

interface Building {
  nodes: number[];
  domain: Domain;
  readonly segment: number;
}

/** More than this many reductions of one walk don't fit into workgroup memory. */
const mostReductions = 4;
/** Kernels that share nothing are joined only when the recording has them this close together. */
const nearby = 80;
/** Longer kernels compile slowly and run out of registers. */
const mostNodes = 48;

export class Grouping {
  private readonly groupOf: (Building | undefined)[] = [];
  /** Rooted nodes that read a result of a rooted node. */
  private readonly followers: number[][] = [];
  private readonly overwriterOf = new Map<number, Building>();
  private readonly updates: Set<number>;
  /** Updates that are in no arena. */
  private readonly scattered = new Set<number>();

  /** `arenaElements`: how many numbers one buffer may hold. */
  constructor(
    private readonly analysis: Analysis,
    private readonly placement: Placement,
    segments: readonly number[],
    private readonly buffers: number,
    private readonly arenaElements: number,
  ) {
    this.updates = new Set(updateNodes(analysis));
    placement.rooted.forEach((rooted, node) => {
      if (!rooted) return;
      this.groupOf[node] = { nodes: [node], domain: domainOf(analysis, node), segment: segments[node]! };
      this.followers[node] = [];
    });
    for (const [node, leaves] of placement.leaves) {
      for (const before of new Set(leaves.flatMap(({ value }) => this.producer(value) ?? []))) {
        this.followers[before]!.push(node);
      }
    }
  }

  /** The groups in an order in which they can run, and the tensors that must lie side by side for them. */
  build(): { readonly groups: readonly Group[]; readonly arenas: readonly Arena[] } {
    this.joinAlongValues((domain) => domain.kind !== 'column');
    this.joinAlongValues(() => true);
    this.joinSiblings();
    const arenas = this.joinUpdates();
    const groups = this.ordered().map(({ nodes, domain }) => ({
      nodes,
      domain,
      stores: this.stores(nodes),
      reads: this.reads(nodes),
    }));
    return { groups, arenas };
  }

  private isUpdate({ nodes }: Building): boolean {
    return this.updates.has(nodes[0]!);
  }

  private joinUpdates(): readonly Arena[] {
    const groups = this.all().filter((group) => group.domain.kind === 'flat' && this.isUpdate(group));
    const segments = new Map(groups.map((group) => [group.nodes[0]!, group.segment]));
    const last = Math.max(0, ...segments.values());
    const reads = new Map<Building, ReadonlySet<number>>();
    const readToMake = (value: number): ReadonlySet<number> => {
      const producer = this.producer(value);
      const maker = producer === undefined ? undefined : this.groupOf[producer];
      if (!maker) return new Set();
      const known = reads.get(maker) ?? new Set(this.reads(maker.nodes));
      reads.set(maker, known);
      return known;
    };
    const { arenas, walks } = arenaWalks(
      this.analysis,
      this.placement,
      groups.filter(({ segment }) => segment === last).map(({ nodes }) => nodes),
      this.arenaElements,
      readToMake,
    );
    for (const walk of walks) {
      const joined: Building = { nodes: [...walk.nodes], domain: { kind: 'arena', walk }, segment: last };
      for (const node of walk.nodes) this.groupOf[node] = joined;
      for (const parameter of walk.overwrites) this.overwriterOf.set(parameter, joined);
    }
    // The others join what they depend on, as any node does.
    const left = groups.filter((group) => this.groupOf[group.nodes[0]!] === group);
    for (const group of left) {
      this.partWhereTooLarge(group);
      for (const node of group.nodes) {
        this.updates.delete(node);
        this.scattered.add(node);
      }
    }
    this.joinAlongValues(() => true, new Set(left.flatMap(({ nodes }) => nodes)));
    return arenas;
  }

  /** Updates that found no place in an arena are written elsewhere after all. */
  private partWhereTooLarge({ nodes, domain, segment }: Building): void {
    if (this.reads(nodes).length + this.stores(nodes).length <= this.buffers) return;
    for (const node of nodes) this.groupOf[node] = { nodes: [node], domain, segment };
  }

  private all(): Building[] {
    return [...new Set(this.groupOf.filter((group) => group !== undefined))];
  }

  /** `only`: nodes to join with what they read; left out: all. */
  private joinAlongValues(takes: (domain: Domain) => boolean, only?: ReadonlySet<number>): void {
    for (const [node, leaves] of this.placement.leaves) {
      if (only && !only.has(node)) continue;
      const values = [...new Set(leaves.map(({ value }) => value))].sort(
        (a, b) => elementsOf(this.analysis, b) - elementsOf(this.analysis, a),
      );
      for (const value of values) {
        const before = this.producer(value);
        if (before === undefined) continue;
        const [a, b] = [this.groupOf[before]!, this.groupOf[node]!];
        if (a !== b && takes(a.domain) && takes(b.domain)) this.join(a, b);
      }
    }
  }

  /** Groups of the same walk: they read the same, or are small and near. */
  private joinSiblings(): void {
    const groups = this.all().filter((group) => !this.isUpdate(group));
    for (const [i, start] of groups.entries()) {
      let first = this.groupOf[start.nodes[0]!]!;
      if (first !== start || !['row', 'column', 'flat'].includes(first.domain.kind)) continue;
      for (const second of groups.slice(i + 1)) {
        if (this.groupOf[second.nodes[0]!] !== second || second.domain.kind === 'template') continue;
        if (!unify(first.domain, second.domain)) continue;
        const reads = new Set(this.reads(first.nodes));
        const large = fullSize(first.domain) / 2;
        const shares = this.reads(second.nodes).some(
          (value) => reads.has(value) && elementsOf(this.analysis, value) >= large,
        );
        const close = second.nodes[0]! - first.nodes.at(-1)! < nearby;
        const worthIt =
          shares || (close && first.domain.kind === second.domain.kind && first.domain.kind !== 'row');
        if (worthIt && this.join(first, second)) first = this.groupOf[start.nodes[0]!]!;
      }
    }
  }

  private join(a: Building, b: Building): boolean {
    if (this.isUpdate(a) !== this.isUpdate(b)) return false;
    if (a.segment !== b.segment || a.nodes.length + b.nodes.length > mostNodes) return false;
    const domain = unify(a.domain, b.domain);
    if (!domain) return false;
    const nodes = [...a.nodes, ...b.nodes].sort((x, y) => x - y);
    if (domain.kind !== 'flat' && nodes.some((node) => branches(this.analysis.lowerings[node]!)))
      return false;
    if (!this.passesAligned(nodes, domain)) return false;
    const reductions = nodes.filter((node) => this.analysis.lowerings[node]!.kind === 'reduce');
    if (reductions.length > mostReductions) return false;
    const partial = domain.kind === 'column' || (domain.kind === 'row' && isCut(domain)) ? 1 : 0;
    // Updates are written where the old numbers are.
    const written = this.isUpdate(a) ? 0 : this.stores(nodes).length;
    if (this.reads(nodes).length + written + partial > this.buffers) return false;
    if (this.pathBetween(a, b) || this.pathBetween(b, a)) return false;
    const joined: Building = { nodes, domain, segment: a.segment };
    for (const node of nodes) this.groupOf[node] = joined;
    return true;
  }

  /** Whether every value that stays within these nodes is read where the walk stands. */
  private passesAligned(nodes: readonly number[], domain: Domain): boolean {
    const members = new Set(nodes);
    return nodes.every((node) =>
      this.placement.leaves.get(node)!.every(({ value, relation }) => {
        const before = this.producer(value);
        return (
          before === undefined || !members.has(before) || this.aligned(before, value, node, relation, domain)
        );
      }),
    );
  }

  private aligned(before: number, value: number, node: number, relation: Relation, domain: Domain): boolean {
    const { lowerings, graph } = this.analysis;
    if (lowerings[node]!.kind === 'template') return false;
    if (domain.kind === 'template') {
      const first = graph.nodes[before]!.outputs[0];
      return relation === 'same' && (lowerings[before]!.kind !== 'template' || value === first);
    }
    const from = placeIn(domain, elementsOf(this.analysis, value));
    const reduces = lowerings[node]!.kind === 'reduce';
    const to = reduces ? 'full' : placeIn(domain, elementsOf(this.analysis, graph.nodes[node]!.outputs[0]!));
    if (reduces && domain.kind === 'row' && domain.columns === 1) return relation === 'same';
    if (from === to) return relation === 'same';
    // A result that all of its row waits for.
    return (
      from === 'result' &&
      domain.kind === 'row' &&
      !isCut(domain) &&
      (relation === 'row' || (relation === 'scalar' && domain.rows === 1))
    );
  }

  /** Whether some other group depends on `a` and is needed by `b`. */
  private pathBetween(a: Building, b: Building): boolean {
    const last = b.nodes.at(-1)!;
    const seen = new Set<Building>([a]);
    const waiting = [a];
    while (waiting.length > 0) {
      const group = waiting.pop()!;
      for (const node of group.nodes) {
        for (const follower of this.followers[node]!) {
          const next = this.groupOf[follower]!;
          if (next === b) {
            if (group !== a) return true;
            continue;
          }
          if (seen.has(next) || next.nodes[0]! > last) continue;
          seen.add(next);
          waiting.push(next);
        }
      }
    }
    return false;
  }

  private reads(nodes: readonly number[]): number[] {
    const members = new Set(nodes);
    const found = new Set<number>();
    for (const node of nodes) {
      for (const { value } of this.placement.leaves.get(node)!) {
        const before = this.producer(value);
        if (before === undefined || !members.has(before)) found.add(value);
      }
    }
    return [...found];
  }

  private stores(nodes: readonly number[]): number[] {
    const members = new Set(nodes);
    const { graph, lowerings } = this.analysis;
    return nodes.flatMap((node) =>
      graph.nodes[node]!.outputs.filter((value, output) => {
        if (this.placement.stored.has(value) && this.analysis.kept.has(value)) return true;
        const lowering = lowerings[node]!;
        // A template may count on finding its further outputs in memory.
        if (lowering.kind === 'template' && (output > 0 || !lowering.epilogue)) return true;
        return this.followers[node]!.some(
          (follower) =>
            !members.has(follower) &&
            this.placement.leaves.get(follower)!.some((leaf) => leaf.value === value),
        );
      }),
    );
  }

  /** The rooted node that makes a value. */
  private producer(value: number): number | undefined {
    return this.analysis.producers.get(value)?.node;
  }

  /** Groups that overwrite what this one reads. */
  private overwriters({ nodes }: Building): Building[] {
    return this.reads(nodes).flatMap((value) => this.overwriterOf.get(value) ?? []);
  }

  /** By halts first, then as early as possible in the order of the recording. */
  private ordered(): Building[] {
    const groups = this.all();
    const waits = new Map<Building, number>();
    const after = new Map<Building, Set<Building>>();
    for (const group of groups) {
      const next = new Set(
        group.nodes.flatMap((node) => this.followers[node]!.map((follower) => this.groupOf[follower]!)),
      );
      for (const later of this.overwriters(group)) next.add(later);
      next.delete(group);
      after.set(group, next);
      for (const one of next) waits.set(one, (waits.get(one) ?? 0) + 1);
    }
    // A recording has updates at its end; what is joined with one need not wait until then, and keep what it reads alive.
    const place = ({ nodes }: Building): number =>
      nodes.findLast((node) => !this.scattered.has(node)) ?? nodes.at(-1)!;
    const places = new Map(groups.map((group) => [group, place(group)]));
    const before = (a: Building, b: Building): number =>
      a.segment - b.segment || places.get(a)! - places.get(b)!;
    const ready = groups.filter((group) => !waits.get(group));
    const order: Building[] = [];
    while (ready.length > 0) {
      ready.sort(before);
      const group = ready.shift()!;
      order.push(group);
      for (const next of after.get(group)!) {
        const left = waits.get(next)! - 1;
        waits.set(next, left);
        if (left === 0) ready.push(next);
      }
    }
    if (order.length !== groups.length) throw new Error('kernels wait for each other');
    return order;
  }
}
