/**
 * Writes one WGSL module: collects the buffers that the code touches as bindings, hands out names, and stores
 * results. What a value is in this kernel (a load, or an expression computed in place) is asked of `ValueSource`,
 * which the planner provides.
 */
import type { GraphDtype } from '../graph/index.ts';
import { type Position, quadOf, sizeOf } from './position.ts';
import type { Scope } from './scope.ts';
import type { PlanBinding, PlanValue, StorageType } from './types.ts';
import { literal as spell } from './wgsl.ts';

/** The planner's answers while a kernel is written. */
export interface ValueSource {
  /** How the value lies in memory, if this kernel can read it there. */
  inMemory(value: number): PlanValue | undefined;
  /** Where the value is to be written; also what this very kernel computes. */
  target(value: number): PlanValue | undefined;
  /** The value in memory that holds the same numbers in the same order, for one that is no more than a reshape. */
  aliasOf(value: number): number | undefined;
  /** The one number that a constant consists of. */
  literalOf(value: number): { readonly value: number; readonly dtype: GraphDtype } | undefined;
  /** Writes an element of a value that is not in memory. Undefined when it is no expression. */
  expression(value: number): ((scope: Scope, at: Position) => string) | undefined;
  /** What is to be written when the kernel has an element of `value`: the value itself and what follows it. */
  storesOf(value: number): readonly number[];
}

interface Binding extends PlanBinding {
  readonly name: string;
  readonly vectors: boolean;
}

export class KernelBuilder {
  private readonly bindings: Binding[] = [];
  private readonly declarations: string[] = [];
  private readonly helpers = new Set<string>();
  private readonly features = new Set<string>();
  private readonly builtins = new Set<string>();
  private names = 0;
  private readonly body: BlockScope;
  /** Loads of four neighbours, spelled `(q * 4 + j)`, become one load of a vector. */
  vectorLoads = false;

  constructor(private readonly source: ValueSource) {
    this.body = this.block();
  }

  /** The body of `main`. There are `group` (workgroup_id), `local` (local_invocation_id), `lane` (its index) and `invocation` (global id), all vec3<u32> but `lane` (u32). */
  get main(): Scope {
    return this.body;
  }

  /** A block of its own (the inside of a loop): its text is to be placed by the caller. Names of `outer` stay known. */
  block(outer?: Scope): BlockScope {
    return new BlockScope(this, outer as BlockScope | undefined);
  }

  name(prefix = 'v'): string {
    return `${prefix}${this.names++}`;
  }

  /** Module-scope text: workgroup memory, constants, functions. */
  declare(text: string): void {
    this.declarations.push(text);
  }

  /** Module-scope text under a name of its own (`erf`): written once, however often it is asked for. */
  helper(name: string, text: string): void {
    if (this.helpers.has(name)) return;
    this.helpers.add(name);
    this.declare(text);
  }

  /** A module-scope function of i32 parameters; returns its name. */
  fn(parameters: readonly string[], result: string, write: (scope: Scope) => string): string {
    // Never `f16`, a type.
    const name = this.name('fn');
    const scope = this.block();
    const value = write(scope);
    this.declare(
      `fn ${name}(${parameters.map((parameter) => `${parameter}: i32`).join(', ')}) -> ${result} {\n${scope.text()}return ${value};\n}`,
    );
    return name;
  }

  enable(feature: string): void {
    this.features.add(feature);
  }

  /** A further built-in number of `main`, by its own name. */
  builtin(name: string, type: string): string {
    this.builtins.add(`@builtin(${name}) ${name}: ${type}`);
    return name;
  }

  /** How a value lies in memory; reshapes of what lies in memory do so too. */
  storageOf(value: number): StorageType | undefined {
    return this.stored(value)?.storage;
  }

  /** The array of a value in memory: `name[offset]` in its storage type. Undefined when it is not in memory. */
  buffer(value: number, access: PlanBinding['access'] = 'read'): string | undefined {
    const stored = this.stored(value);
    if (!stored) return undefined;
    if (stored.storage === 'f16') this.enable('f16');
    return this.bind(stored.id, access, false);
  }

  /**
   * The array of a value in memory as vectors of four (`array<vec4<f32>>`, or vec4<f16>), when its size is a
   * multiple of four; the caller sees to it that what it reads starts at a multiple of four. Undefined otherwise.
   */
  vectors(value: number, access: PlanBinding['access'] = 'read'): string | undefined {
    const stored = this.stored(value);
    if (!stored || (stored.storage !== 'f32' && stored.storage !== 'f16')) return undefined;
    if (sizeOf(stored.shape) % 4 !== 0) return undefined;
    if (stored.storage === 'f16') this.enable('f16');
    return this.bind(stored.id, access, true);
  }

  /** As `vectors`, of whole numbers (`array<vec4<i32>>`), to be read. */
  integerVectors(value: number): string | undefined {
    const stored = this.stored(value);
    if (stored?.storage !== 'i32' || sizeOf(stored.shape) % 4 !== 0) return undefined;
    return this.bind(stored.id, 'read', true);
  }

  /** Stores an element and, where `value` has an epilogue, what follows it. `at` is a position in `value`. */
  store(scope: Scope, value: number, at: Position, expression: string): void {
    const block = scope as BlockScope;
    block.define(value, at, block.let(expression));
    for (const stored of this.source.storesOf(value)) {
      const { shape } = this.source.target(stored)!;
      const there = stored === value ? at : at.reshaped(shape);
      this.write(block, stored, there, block.element(stored, there, true));
    }
  }

  /** Stores an element of this very value and nothing else. */
  write(scope: Scope, value: number, at: Position, expression: string): void {
    const target = this.source.target(value)!;
    const name = this.bindTarget(target, false);
    const converted =
      target.storage === 'u32'
        ? `select(0u, 1u, ${expression})`
        : target.storage === 'f16'
          ? `f16(${expression})`
          : expression;
    scope.line(`${name}[${at.offset}] = ${converted};`);
  }

  /** Whether `writeVector` can be used. */
  takesVectors(value: number): boolean {
    const { storage, shape } = this.source.target(value)!;
    return (storage === 'f32' || storage === 'f16') && sizeOf(shape) % 4 === 0;
  }

  /** Stores four neighbours at once, at the `vector`-th vector of this value. */
  writeVector(scope: Scope, value: number, vector: string, four: readonly string[]): void {
    const target = this.source.target(value)!;
    const name = this.bindTarget(target, true);
    const whole = `vec4<f32>(${four.join(', ')})`;
    scope.line(`${name}[${vector}] = ${target.storage === 'f16' ? `vec4<f16>(${whole})` : whole};`);
  }

  /** How many buffers are bound so far. */
  get bound(): number {
    return this.bindings.length;
  }

  private bindTarget(target: PlanValue, vectors: boolean): string {
    if (target.storage === 'f16') this.enable('f16');
    return this.bind(target.id, 'write', vectors);
  }

  /** The element of a value that lies in memory, computed here. */
  compute(scope: Scope, value: number, at: Position): string {
    const block = scope as BlockScope;
    return block.element(value, at, true);
  }

  /** @internal The value's element as an expression. `own`: computed here even though it lies in memory. */
  resolve(scope: BlockScope, value: number, at: Position, own: boolean): string {
    const stored = own ? undefined : this.source.inMemory(value);
    const literal = own ? undefined : this.source.literalOf(value);
    if (literal !== undefined) return spell(scope, literal.value, literal.dtype);
    if (stored) {
      const quad = this.vectorLoads ? quadOf(at.offset) : undefined;
      const vectors = quad && this.vectors(value);
      if (vectors) return `${scope.vector(value, vectors, quad.vector, stored.storage)}.${'xyzw'[quad.part]}`;
      const loaded = `${this.buffer(value)!}[${at.offset}]`;
      if (stored.storage === 'u32') return `(${loaded} != 0u)`;
      return stored.storage === 'f16' ? `f32(${loaded})` : loaded;
    }
    const expression = this.source.expression(value);
    if (!expression) throw new Error(`value ${value} must be in memory: it is no expression`);
    return expression(scope, at);
  }

  finish(workgroupSize: readonly [number, number, number]): {
    wgsl: string;
    bindings: PlanBinding[];
    features: string[];
  } {
    const arrays = this.bindings.map(({ value, access, name, vectors }, i) => {
      const { storage } = (this.source.target(value) ?? this.source.inMemory(value))!;
      const type = vectors ? `vec4<${storage}>` : storage;
      const mode = access === 'write' ? 'read_write' : 'read';
      return `@group(0) @binding(${i}) var<storage, ${mode}> ${name}: array<${type}>;`;
    });
    const wgsl = [
      ...[...this.features].map((feature) => `enable ${feature};`),
      ...arrays,
      ...this.declarations,
      `@compute @workgroup_size(${workgroupSize.join(', ')})`,
      'fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_id) local: vec3<u32>,',
      `  ${['@builtin(local_invocation_index) lane: u32', '@builtin(global_invocation_id) invocation: vec3<u32>', ...this.builtins].join(', ')}) {`,
      `${this.body.text()}}`,
    ].join('\n');
    return {
      wgsl,
      bindings: this.bindings.map(({ value, access }) => ({ value, access })),
      features: [...this.features],
    };
  }

  private stored(value: number): PlanValue | undefined {
    const found = this.source.inMemory(value);
    if (found) return found;
    const alias = this.source.aliasOf(value);
    return alias === undefined ? undefined : this.source.inMemory(alias);
  }

  private bind(value: number, access: PlanBinding['access'], vectors: boolean): string {
    const at = this.bindings.findIndex((binding) => binding.value === value && binding.vectors === vectors);
    const known = this.bindings[at];
    if (known) {
      if (access === 'write' && known.access === 'read') this.bindings[at] = { ...known, access };
      return known.name;
    }
    // The same names for the same code: equal kernels share a pipeline.
    const name = `b${this.bindings.length}`;
    this.bindings.push({ value, access, name, vectors });
    return name;
  }
}

export class BlockScope implements Scope {
  private readonly lines: string[] = [];
  private readonly known = new Map<string, string>();
  private readonly pinned = new Map<number, string>();

  constructor(
    private readonly kernel: KernelBuilder,
    private readonly outer?: BlockScope,
  ) {}

  element(value: number, at: Position, own = false): string {
    const pinned = this.findPinned(value);
    if (pinned !== undefined) return pinned;
    const key = keyOf(value, at);
    const found = this.find(key);
    if (found !== undefined) return found;
    const name = this.let(this.kernel.resolve(this, value, at, own));
    this.known.set(key, name);
    return name;
  }

  /** This value is one number wherever this scope stands: the result of a reduction. */
  pin(value: number, name: string): void {
    this.pinned.set(value, name);
  }

  /** @internal Four neighbours in one load. */
  vector(value: number, array: string, vector: string, storage: StorageType): string {
    const key = `${value}@vector ${vector}`;
    const found = this.find(key);
    if (found !== undefined) return found;
    const loaded = `${array}[${vector}]`;
    const name = this.let(storage === 'f16' ? `vec4<f32>(${loaded})` : loaded);
    this.known.set(key, name);
    return name;
  }

  /** This value's element at this position has a name already. */
  define(value: number, at: Position, name: string): void {
    this.known.set(keyOf(value, at), name);
  }

  let(expression: string): string {
    // Names and literals need no further name.
    if (/^[\w.]+$/.test(expression)) return expression;
    const name = this.kernel.name();
    this.line(`let ${name} = ${expression};`);
    return name;
  }

  helper(name: string, text: string): void {
    this.kernel.helper(name, text);
  }

  line(statement: string): void {
    this.lines.push(statement);
  }

  when(condition: string, type: string, otherwise: string, write: (inner: Scope) => string): string {
    const name = this.kernel.name();
    const inner = new BlockScope(this.kernel, this);
    const value = write(inner);
    this.line(`var ${name}: ${type} = ${otherwise};`);
    this.line(`if (${condition}) {\n${inner.text()}${name} = ${value};\n}`);
    return name;
  }

  text(): string {
    return this.lines.map((line) => `${line}\n`).join('');
  }

  private findPinned(value: number): string | undefined {
    return this.pinned.get(value) ?? this.outer?.findPinned(value);
  }

  private find(key: string): string | undefined {
    return this.known.get(key) ?? this.outer?.find(key);
  }
}

const keyOf = (value: number, at: Position): string => `${value}@${at.offset}`;
