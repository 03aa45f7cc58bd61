/**
 * Asks the engine for a full garbage collection, so that storages which nothing refers to are found in the middle of a
 * synchronous loop. Node offers what it takes; browsers do not.
 *
 * A weak reference keeps its target alive until the running job ends (ECMA-262, "AddToKeptObjects"), which a synchronous
 * training loop never does. So that list is cleared as well: the engine does so after running the microtasks of a
 * context, and a context of its own can be made to run its (no) microtasks at once.
 */

/** Collects garbage now and lets go of weak targets that are no longer reachable. */
export type Collect = () => void;

interface NodeVm {
  createContext(sandbox: object, options: { microtaskMode: 'afterEvaluate' }): object;
  runInNewContext(code: string): unknown;
  Script: new (code: string) => { runInContext(context: object): void };
}

/** Node's means of collecting on demand, set up at the first collection; undefined where there are none. */
export function findCollector(): Collect | undefined {
  const host = (globalThis as { process?: { getBuiltinModule?: (name: string) => unknown } }).process;
  const vm = host?.getBuiltinModule?.('node:vm') as NodeVm | undefined;
  const v8 = host?.getBuiltinModule?.('node:v8') as { setFlagsFromString(flag: string): void } | undefined;
  if (vm === undefined || v8 === undefined) return undefined;
  let collect: Collect | undefined;
  return () => {
    collect ??= prepare(vm, v8);
    collect();
  };
}

function prepare(vm: NodeVm, v8: { setFlagsFromString(flag: string): void }): Collect {
  v8.setFlagsFromString('--expose-gc'); // takes effect in contexts made from now on
  const gc = vm.runInNewContext('gc') as () => void;
  const context = vm.createContext({}, { microtaskMode: 'afterEvaluate' });
  const script = new vm.Script('0');
  return () => {
    script.runInContext(context);
    gc();
  };
}
