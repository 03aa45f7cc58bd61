/**
 * Hooks around modules: before and after `forward`, and before and after the gradients of a module's inputs are computed.
 *
 * The latter work as in PyTorch: what goes into a module and what comes out of it passes through a node of the graph of gradients
 * ({@link Passage}), and the hooks are those of these two nodes.
 */
import { BOOL, FUNCTION, kind, requireKind, requireOptions, type OptionKinds } from '../base/arguments.ts';
import { ArgumentError } from '../base/errors.ts';
import { GradNode, type Grads, type RemovableHandle } from '../tensor/autograd.ts';
import { isGradEnabled } from '../tensor/grad-mode.ts';
import { tensorOver } from '../tensor/make-tensor.ts';
import { Tensor } from '../tensor/tensor.ts';
import type { AnyModule, ModuleBase } from './module-base.ts';
import { everyModule, type After, type BackwardHookOptions, type ForwardHook, type ForwardHookOptions, type ForwardPreHook, type ForwardPreHookOptions, type FullBackwardHook, type FullBackwardPreHook, type Hooks, type ModuleGrads } from './module-hooks.ts'; // prettier-ignore

const NO_KWARGS = kind('false, since options are among the arguments', (value) => value === false);
const PRE: OptionKinds<ForwardPreHookOptions> = { prepend: BOOL, withKwargs: NO_KWARGS };
const POST: OptionKinds<ForwardHookOptions> = { ...PRE, alwaysCall: BOOL };
const BACKWARD: OptionKinds<BackwardHookOptions> = { prepend: BOOL };

// ---- registering

/** Registers a hook. */
export function addForwardPreHook(
  op: string,
  hooks: Hooks,
  hook: ForwardPreHook,
  options: ForwardPreHookOptions | undefined,
): RemovableHandle {
  requireKind(op, 'hook', hook, FUNCTION);
  return hooks.add(hooks.before, hook, requireOptions<ForwardPreHookOptions>(op, options, PRE, '{ prepend: true }').prepend);
}

/** Registers a hook. */
export function addForwardHook(op: string, hooks: Hooks, hook: ForwardHook, options: ForwardHookOptions | undefined): RemovableHandle {
  requireKind(op, 'hook', hook, FUNCTION);
  const { prepend, alwaysCall = false } = requireOptions<ForwardHookOptions>(op, options, POST, '{ prepend: true }');
  return hooks.add(hooks.after, { hook, always: alwaysCall }, prepend);
}

/** Registers one. @param list `backwardBefore` or `backwardAfter` of the hooks */
export function addBackwardHook<H>(
  op: string,
  hooks: Hooks,
  list: H[],
  hook: H,
  options: BackwardHookOptions | undefined,
): RemovableHandle {
  requireKind(op, 'hook', hook, FUNCTION);
  return hooks.add(list, hook, requireOptions<BackwardHookOptions>(op, options, BACKWARD, '{ prepend: true }').prepend);
}

// ---- calling

/** Runs a module's forward with the hooks around it. */
export function withHooks(
  called: ModuleBase,
  own: Hooks,
  given: readonly unknown[],
  forward: (args: readonly unknown[]) => unknown,
): unknown {
  const module = called as AnyModule;
  let args = given;
  const before = [...everyModule.before, ...own.before];
  const after = [...everyModule.after, ...own.after];
  const ran = new Set<After>();
  try {
    for (const hook of before) {
      const other = hook(module, args);
      if (other !== undefined && other !== null) args = Array.isArray(other) ? (other as unknown[]) : [other];
    }
    const border = new Border(
      module,
      [...everyModule.backwardBefore, ...own.backwardBefore],
      [...everyModule.backwardAfter, ...own.backwardAfter],
    );
    args = border.entering(args);
    let output = forward(args);
    for (const entry of after) {
      ran.add(entry);
      const other = entry.hook(module, args, output);
      if (other !== undefined && other !== null) output = other;
    }
    return border.leaving(output);
  } catch (error) {
    for (const entry of after) if (entry.always && !ran.has(entry)) callAnyway(entry.hook, module, args);
    throw error;
  }
}

/** The error of forward is what matters; one of a hook that runs all the same is not to hide it. */
function callAnyway(hook: ForwardHook, module: AnyModule, args: readonly unknown[]): void {
  try {
    hook(module, args, undefined);
  } catch {
    // PyTorch warns and raises the first error, too.
  }
}

/** A node through which tensors pass unchanged, so that their gradients can be looked at together. */
class Passage extends GradNode {
  readonly label = 'BackwardHookFunctionBackward';
  override readonly foreign = true;
  readonly #act: (grads: Grads) => Grads;

  constructor(tensors: readonly Tensor[], act: (grads: Grads) => Grads) {
    super(tensors.map((tensor) => tensor.gradEdge()));
    this.#act = act;
  }

  run(grads: Grads): Grads {
    return this.#act(this.edges.map((_, i) => grads[i]));
  }

  release(): void {
    // It has saved nothing.
  }
}

/** The same tensors behind a node. */
function passing(tensors: readonly Tensor[], act: (grads: Grads) => Grads): Tensor[] {
  const node = new Passage(tensors, act);
  return tensors.map((tensor, i) => {
    const other = tensorOver(tensor.storage, tensor.layout, tensor.offset);
    other.flattenedFrom = tensor.flattenedFrom;
    other.protect('a module with a full backward hook');
    if (tensor.isFloatingPoint()) other.setHistory(node, i);
    return other;
  });
}

/** The border of one call of a module that gradients cross: out of it first, then into it. */
class Border {
  readonly #module: ModuleBase;
  readonly #before: readonly FullBackwardPreHook[];
  readonly #after: readonly FullBackwardHook[];
  /** How many inputs are tensors; undefined where none of them requires gradients. */
  #inputs: readonly unknown[] | undefined;
  #gradOutput: ModuleGrads = [];

  constructor(module: ModuleBase, before: readonly FullBackwardPreHook[], after: readonly FullBackwardHook[]) {
    this.#module = module;
    this.#before = before;
    this.#after = after;
  }

  get #used(): boolean {
    return this.#before.length + this.#after.length > 0 && isGradEnabled();
  }

  entering(args: readonly unknown[]): readonly unknown[] {
    if (!this.#used || this.#after.length === 0) return args;
    const tensors = args.filter((arg) => arg instanceof Tensor);
    if (!tensors.some((tensor) => tensor.requiresGrad)) return args;
    this.#inputs = args;
    const passed = passing(tensors, (grads) => {
      let next = 0;
      const all = args.map((arg) => (arg instanceof Tensor ? (grads[next++] ?? null) : null));
      const given = this.#entered(all);
      return args.flatMap((arg, i) => (arg instanceof Tensor ? [given[i] ?? undefined] : []));
    });
    let next = 0;
    return args.map((arg) => (arg instanceof Tensor ? passed[next++]! : arg));
  }

  leaving(output: unknown): unknown {
    if (!this.#used) return output;
    const list: readonly unknown[] = Array.isArray(output) ? output : [output];
    const tensors = list.filter((value) => value instanceof Tensor);
    if (tensors.length === 0)
      throw new ArgumentError(
        `${this.#module.typeName()}: a full backward hook needs a tensor or an array with tensors as the output, but forward gave none`,
      );
    if (!tensors.some((tensor) => tensor.requiresGrad)) return output;
    const passed = passing(tensors, (grads) => this.#left(grads));
    let next = 0;
    const out = list.map((value) => (value instanceof Tensor ? passed[next++]! : value));
    return Array.isArray(output) ? out : out[0];
  }

  /** The gradients of the outputs are there. */
  #left(grads: Grads): Grads {
    let gradOutput: ModuleGrads = grads.map((grad) => grad ?? null);
    for (const hook of this.#before) {
      gradOutput = replaced('registerFullBackwardPreHook', hook(this.#module, gradOutput), gradOutput);
    }
    this.#gradOutput = gradOutput;
    // Where no input asks for gradients, nothing will come in.
    if (this.#inputs === undefined) this.#entered(null);
    return gradOutput.map((grad) => grad ?? undefined);
  }

  /** The gradients of the inputs are there. */
  #entered(grads: ModuleGrads | null): ModuleGrads {
    let gradInput: ModuleGrads = grads ?? [null];
    for (const hook of this.#after) {
      const other = hook(this.#module, gradInput, this.#gradOutput);
      if (grads === null && other !== undefined && other !== null)
        throw new ArgumentError(
          'registerFullBackwardHook: no input of the module requires gradients, so the hook cannot replace any; return nothing',
        );
      gradInput = replaced('registerFullBackwardHook', other, gradInput);
    }
    return gradInput;
  }
}

const isGradient = (value: unknown): boolean => value === null || value instanceof Tensor;

/** What a hook gave in place of gradients, if anything. */
function replaced(op: string, given: unknown, grads: ModuleGrads): ModuleGrads {
  if (given === undefined || given === null) return grads;
  const list: readonly unknown[] = Array.isArray(given) ? given : [given];
  if (list.length === grads.length && list.every(isGradient)) return list as ModuleGrads;
  throw new ArgumentError(
    `${op}: the hook must return nothing or ${grads.length} gradient${grads.length === 1 ? '' : 's'} (tensors or null), but gave ${list.length}`,
  );
}
