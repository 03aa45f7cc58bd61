/** Memory scopes: for wherever memory should come back at once. */
import { FUNCTION, requireKind } from '../base/arguments.ts';
import { ArgumentError } from '../base/errors.ts';
import { abandonScope, adoptIntoScope, closeScope, isInnermost, openScope } from './storage.ts';
import type { Scope, Storage } from './storage.ts';
import { isTensor } from './is-tensor.ts';

/** Frees what was made inside when disposed. */
class MemoryScope implements Disposable {
  #scope: Scope | undefined = openScope();

  [Symbol.dispose](): void {
    const scope = this.#scope;
    if (scope === undefined) return;
    this.#scope = undefined;
    if (isInnermost(scope)) {
      release(new Set());
      return;
    }
    abandonScope(scope);
    throw new ArgumentError(
      'memoryScope: expected scopes to end in the opposite order of their beginning, but one that began later is still open; keep await out ' +
        'of a scope, since other code runs meanwhile. Nothing has been freed',
    );
  }
}

/** Ends the innermost scope. Gradients of what stays and optimizer state stay, and so does what is returned. */
function release(returned: ReadonlySet<Storage>): void {
  const made = closeScope();
  for (const storage of made) if (!storage.wanted && !returned.has(storage)) storage.free();
  const survivors: Storage[] = [];
  for (const storage of made) {
    if (storage.freed && !storage.imaginary) continue;
    if (returned.has(storage) || storage.outlivesScope()) survivors.push(storage);
    else storage.free();
  }
  adoptIntoScope(survivors);
}

/** The storages of tensors in a result: a tensor, or arrays and plain objects of them. */
function storagesIn(value: unknown, found: Set<Storage>, seen = new Set<object>()): Set<Storage> {
  if (typeof value !== 'object' || value === null || seen.has(value)) return found;
  seen.add(value);
  if (isTensor(value)) found.add(value.storage);
  else if (Array.isArray(value) || value instanceof Map) value.forEach((item: unknown) => storagesIn(item, found, seen));
  else Object.values(value).forEach((item) => storagesIn(item, found, seen));
  return found;
}

/**
 * Runs `fn` and frees the tensors made inside it at once, except those it returns, optimizer state, and the gradients of
 * tensors that outlive it; these are freed in the scope in which another takes their place (`zeroGrad()`). Ordinary code
 * does not need it. Without a function, a scope for `using`. A freed tensor that is used anyway is a named error.
 * @throws ArgumentError for an asynchronous function, which goes on after the scope has ended
 * @example
 * import { memoryScope, ones } from 'flambeau';
 * const total = memoryScope(() => ones(1000, 1000).mul(2).sum());
 * if (total.item() !== 2e6) throw new Error('only the sum is left');
 */
export function memoryScope(): Disposable;
export function memoryScope<T>(fn: () => T): T;
export function memoryScope<T>(fn?: () => T): T | Disposable {
  if (fn === undefined) return new MemoryScope();
  requireKind('memoryScope', 'the argument', fn, FUNCTION, 'leave it out for a scope: using scope = memoryScope()');
  openScope();
  let result: T | undefined;
  try {
    result = fn();
  } finally {
    release(storagesIn(result, new Set()));
  }
  if (result instanceof Promise) {
    result.catch(() => undefined); // what it goes on to do with freed tensors is beside the point
    throw new ArgumentError(
      'memoryScope: expected a function that is done when it returns, but got an asynchronous one; put `using scope = ' +
        'memoryScope()` into its body, around what has no await inside',
    );
  }
  return result;
}
