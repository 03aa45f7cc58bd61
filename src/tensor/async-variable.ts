/**
 * A variable whose value follows asynchronous code: what is set around a call is seen by all that the call awaits and starts, and by nothing
 * else. Node, Deno and Bun have one (`AsyncLocalStorage`), and so will engines with `AsyncContext`
 * (https://github.com/tc39/proposal-async-context). Today's browsers have none.
 */
export interface AsyncVariable<T> {
  /** The value here; undefined outside of every `run`. */
  get(): T | undefined;
  /** Calls `fn` with this value, for it and for everything asynchronous that it starts. */
  run<R>(value: T, fn: () => R): R;
}

interface Host {
  readonly AsyncContext?: { readonly Variable?: new <T>() => AsyncVariable<T> };
  readonly process?: { getBuiltinModule?(name: string): unknown };
}

interface AsyncHooks {
  readonly AsyncLocalStorage: new <T>() => { getStore(): T | undefined; run<R>(value: T, fn: () => R): R };
}

/** A new variable, or undefined where the host has nothing of the kind. */
export function makeAsyncVariable<T>(): AsyncVariable<T> | undefined {
  const host = globalThis as Host;
  const Variable = host.AsyncContext?.Variable;
  if (Variable !== undefined) return new Variable<T>();
  const hooks = host.process?.getBuiltinModule?.('node:async_hooks') as AsyncHooks | undefined;
  if (hooks === undefined) return undefined;
  const storage = new hooks.AsyncLocalStorage<T>();
  return { get: () => storage.getStore(), run: (value, fn) => storage.run(value, fn) };
}
