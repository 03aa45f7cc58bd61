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

/** The host's means of collecting on demand, set up and tried at the first collection; undefined where there are none. */
export function findCollector(): Collect | undefined {
  const host = (globalThis as { process?: { getBuiltinModule?: (name: string) => unknown } }).process;
  const vm = host?.getBuiltinModule?.('node:vm') as NodeVm | undefined;
  const v8 = host?.getBuiltinModule?.('node:v8') as { setFlagsFromString(flag: string): void } | undefined;
  if (vm === undefined || v8 === undefined) return undefined;
  let collect: (() => void) | null | undefined;
  return () => {
    if (collect === undefined) collect = prepared(vm, v8);
    collect?.();
    return collect !== null;
  };
}

/** Bun's own collection: it finds array buffers, but clears no weak references before the job ends. */
export function findBunCollector(): (() => void) | undefined {
  const { Bun } = globalThis as { Bun?: { gc?: (now: boolean) => unknown } };
  const gc = Bun?.gc;
  return typeof gc === 'function' ? () => void gc(true) : undefined;
}

/** Null where the host refuses, or does not collect. */
function prepared(vm: NodeVm, v8: { setFlagsFromString(flag: string): void }): (() => void) | null {
  try {
    const collect = prepare(vm, v8);
    const targets = Array.from({ length: 16 }, () => new WeakRef({}));
    collect();
    return targets.some((target) => target.deref() === undefined) ? collect : null;
  } catch {
    return null; // no such function, or not permitted: there is another way, and nothing to tell
  }
}

function prepare(vm: NodeVm, v8: { setFlagsFromString(flag: string): void }): () => void {
  v8.setFlagsFromString('--expose-gc'); // takes effect in contexts made from now on
  const gc = vm.runInNewContext('gc') as () => void;
  const context = vm.createContext({}, { microtaskMode: 'afterEvaluate' });
  const script = new vm.Script('0');
  return () => {
    script.runInContext(context);
    gc();
  };
}
