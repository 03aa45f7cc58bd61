/** Kinds of hooks around modules, and the lists in which they are kept; what runs them is `hooked-calls.ts`, which the family `hooks` brings. */
import type { Nothing } from '../base/nothing.ts';
import type { RemovableHandle } from '../tensor/autograd.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { AnyModule, ModuleBase } from './module-base.ts';

/* eslint-disable @typescript-eslint/no-explicit-any -- what a module takes and gives is its forward's; whoever writes a hook knows it */
/** Runs before a module's forward; what it returns, if anything, replaces the arguments: an array of all, or a single one. */
export type ForwardPreHook = (module: AnyModule, args: readonly any[]) => unknown;
/** Runs after a module's forward; what it returns, if anything, replaces the output. */
export type ForwardHook = (module: AnyModule, args: readonly any[], output: any) => unknown;
/* eslint-enable @typescript-eslint/no-explicit-any */
/** Gradients of tensors by place; null where none flows. */
export type ModuleGrads = readonly (Tensor | null)[];
/** Runs before the gradients of a module's inputs are computed; may give other gradients of the outputs. */
export type FullBackwardPreHook = (module: ModuleBase, gradOutput: ModuleGrads) => ModuleGrads | Tensor | Nothing;
/** Runs when the gradients of a module's inputs are there; may give others. */
export type FullBackwardHook = (module: ModuleBase, gradInput: ModuleGrads, gradOutput: ModuleGrads) => ModuleGrads | Tensor | Nothing;

export interface ForwardPreHookOptions {
  /** Whether it runs before the hooks that are there. */
  readonly prepend?: boolean | undefined;
  /** There are no arguments by name apart from an options object, which is among the others: only false. */
  readonly withKwargs?: false | undefined;
}
export interface ForwardHookOptions extends ForwardPreHookOptions {
  /** Whether it runs also when forward has thrown; the output is undefined then. */
  readonly alwaysCall?: boolean | undefined;
}
export interface BackwardHookOptions {
  /** Whether it runs before the hooks that are there. */
  readonly prepend?: boolean | undefined;
}

/** A hook that runs after forward, and whether it does so also when forward has thrown. */
export interface After {
  readonly hook: ForwardHook;
  readonly always: boolean;
}

/** The hooks of one module, or of all. */
export class Hooks {
  readonly before: ForwardPreHook[] = [];
  readonly after: After[] = [];
  readonly backwardBefore: FullBackwardPreHook[] = [];
  readonly backwardAfter: FullBackwardHook[] = [];
  /** Counts changes: a compiled function is recorded anew when there are other hooks. */
  version = 0;

  get any(): boolean {
    return this.version > 0 && this.before.length + this.after.length + this.backwardBefore.length + this.backwardAfter.length > 0;
  }

  add<H>(list: H[], hook: H, prepend: boolean | undefined): RemovableHandle {
    if (prepend === true) list.unshift(hook);
    else list.push(hook);
    this.version++;
    const remove = (): void => {
      const place = list.indexOf(hook);
      if (place === -1) return;
      list.splice(place, 1);
      this.version++;
    };
    return { remove, [Symbol.dispose]: remove };
  }
}

/** The hooks of all modules. */
export const everyModule = new Hooks();
