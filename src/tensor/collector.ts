/**
 * Asks the engine for a full garbage collection, so that storages which nothing refers to are found in the middle of a
 * synchronous loop. Node offers what it takes; browsers do not.
 *
 * A weak reference keeps its target alive until the running job ends (ECMA-262, "AddToKeptObjects"), which a synchronous
 * training loop never does. So that list is cleared as well: the engine does so after running the microtasks of a
 * context, and a context of its own can be made to run its (no) microtasks at once.
 *
 * Hosts that have the same modules, such as Bun and Deno, may have them without these effects, so it is tried before it is relied on.
 */

/** Collects garbage now and lets go of weak targets that are no longer reachable. @returns false where that cannot be done */
export type Collect = () => boolean;

interface NodeVm {
  createContext(sandbox: object, options: { microtaskMode: 'afterEvaluate' }): object;
  runInNewContext(code: string): unknown;
  Script: new (code: string) => { runInContext(context: object): void };
}

interface NodeV8 {
  setFlagsFromString(flag: string): void;
}

interface NodeProcess {
  cpuUsage(): { readonly user: number; readonly system: number };
}

interface NodeUtil {
  inspect(value: unknown, options: object): string;
}

const INSPECT: unique symbol = Symbol.for('nodejs.util.inspect.custom') as never;

function hostModule<T>(name: string): T | undefined {
  const host = (globalThis as { process?: { getBuiltinModule?: (name: string) => unknown } }).process;
  return host?.getBuiltinModule?.(name) as T | undefined;
}

/** The host's means of collecting on demand, set up and tried at the first collection; undefined where there are none. */
export function findCollector(): Collect | undefined {
  const vm = hostModule<NodeVm>('node:vm');
  const v8 = hostModule<NodeV8>('node:v8');
  if (vm === undefined || v8 === undefined) return undefined;
  let collect: (() => void) | null | undefined;
  return () => {
    if (collect === undefined) collect = prepared(vm, v8);
    collect?.();
    return collect !== null;
  };
}

/** Collects young objects, and shows who is left of some. */
export interface YoungCollector {
  collect(): void;
  /** Microseconds of processor time that the program has taken so far: on a busy machine the time that passes says little. */
  spent(): number;
  /** Calls the inspection method of every object in the set. */
  inspect(members: WeakSet<object>): void;
}

/** The host's means of collecting young objects; undefined where there are none, or where dead members of a set stay in it. */
export function findYoungCollector(): YoungCollector | undefined {
  const vm = hostModule<NodeVm>('node:vm');
  const v8 = hostModule<NodeV8>('node:v8');
  const util = hostModule<NodeUtil>('node:util');
  const host = hostModule<NodeProcess>('node:process');
  if (vm === undefined || v8 === undefined || util === undefined || host === undefined) return undefined;
  try {
    v8.setFlagsFromString('--expose-gc');
    const gc = vm.runInNewContext('gc') as (options: { type: 'minor' }) => void;
    const options = { showHidden: true, maxArrayLength: null, depth: 1 };
    const young: YoungCollector = {
      collect: () => {
        // Waking the engine's other threads takes longer than the whole collection, on a busy machine many times as long.
        v8.setFlagsFromString('--no-parallel-scavenge');
        gc({ type: 'minor' });
        v8.setFlagsFromString('--parallel-scavenge');
      },
      spent: () => {
        const { user, system } = host.cpuUsage();
        return user + system;
      },
      inspect: (members) => {
        util.inspect(members, options);
      },
    };
    return clears(young) ? young : undefined;
  } catch {
    return undefined; // no such function, or not permitted
  }
}

/** Whether it finds who is alive, and only those. */
function clears(young: YoungCollector): boolean {
  let seen = 0;
  const member = (): object => ({ [INSPECT]: () => `${seen++}` });
  const members = new WeakSet<object>();
  for (let i = 0; i < 16; i++) members.add(member());
  const held = Array.from({ length: 16 }, member);
  for (const object of held) members.add(object);
  young.collect();
  young.inspect(members);
  return seen >= held.length && seen < held.length + 8;
}

/** Null where the host refuses, or does not collect. */
function prepared(vm: NodeVm, v8: NodeV8): (() => void) | null {
  try {
    const collect = prepare(vm, v8);
    const targets = Array.from({ length: 16 }, () => new WeakRef({}));
    collect();
    return targets.some((target) => target.deref() === undefined) ? collect : null;
  } catch {
    return null; // no such function, or not permitted: there is another way, and nothing to tell
  }
}

function prepare(vm: NodeVm, v8: NodeV8): () => void {
  v8.setFlagsFromString('--expose-gc'); // takes effect in contexts made from now on
  const gc = vm.runInNewContext('gc') as () => void;
  const context = vm.createContext({}, { microtaskMode: 'afterEvaluate' });
  const script = new vm.Script('0');
  return () => {
    script.runInContext(context);
    gc();
  };
}
