/** Hooks in the order in which they run. */
import { BOOL, FUNCTION, requireKind, requireOptions } from '../base/arguments.ts';

export interface HookHandle {
  /** Takes the hook away. */
  remove(): void;
}

export interface HookOptions {
  /** Run before the hooks that are there. Default false. */
  readonly prepend?: boolean;
}

/** Hooks of one kind. */
export class Hooks<F> {
  #hooks: { readonly run: F }[] = [];

  get size(): number {
    return this.#hooks.length;
  }

  add(op: string, hook: F, options?: HookOptions): HookHandle {
    requireKind(op, 'the hook', hook, FUNCTION);
    const { prepend = false } = requireOptions<HookOptions>(op, options, { prepend: BOOL }, '{ prepend: true }');
    const entry = { run: hook };
    this.#hooks = prepend ? [entry, ...this.#hooks] : [...this.#hooks, entry];
    return {
      remove: () => {
        this.#hooks = this.#hooks.filter((other) => other !== entry);
      },
    };
  }

  *[Symbol.iterator](): Generator<F> {
    for (const { run } of this.#hooks) yield run;
  }
}
