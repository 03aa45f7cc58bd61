/** Modes and asynchronous code: what is in force while calls overlap, and that nothing is left behind. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { ArgumentError, enableGrad, isGradEnabled, memoryScope, noGrad, ones } from 'flambeau';

/** Runs two functions that wait for each other, one step each. */
function relay(): { a: () => Promise<void>; b: () => Promise<void> } {
  return { a: () => sleep(2), b: () => sleep(3) };
}

describe('gradient modes follow asynchronous calls', () => {
  afterEach(() => expect(isGradEnabled()).toBe(true));

  test('overlapping noGrad', async () => {
    const seen: boolean[] = [];
    const watch = async (ms: number): Promise<number> => {
      seen.push(isGradEnabled());
      for (let i = 0; i < 3; i++) {
        await sleep(ms);
        seen.push(isGradEnabled(), ones(1, { requiresGrad: true }).mul(2).requiresGrad);
      }
      return ms;
    };
    const first = noGrad(() => watch(1));
    const outside = isGradEnabled();
    const second = noGrad(async () => watch(2));
    await sleep(0);
    expect([outside, isGradEnabled()]).toEqual([true, true]);
    expect(await Promise.all([first, second])).toEqual([1, 2]);
    expect(seen).toEqual(Array.from({ length: 14 }, () => false));
  });

  test('a training loop beside an evaluation', async () => {
    const w = ones(3, { requiresGrad: true });
    const evaluation = noGrad(async () => {
      const recorded: boolean[] = [];
      for (let i = 0; i < 5; i++) {
        await sleep(1);
        recorded.push(w.mul(2).requiresGrad);
      }
      return recorded;
    });
    for (let i = 0; i < 5; i++) {
      w.mul(w).sum().backward();
      await sleep(1);
    }
    expect(w.grad!.tolist()).toEqual([10, 10, 10]);
    expect(await evaluation).toEqual([false, false, false, false, false]);
  });

  test('nested, each in its own call', async () => {
    const { a, b } = relay();
    const seen = await noGrad(async () => {
      await a();
      const inner = enableGrad(async () => {
        await b();
        const sync = noGrad(() => isGradEnabled());
        return [isGradEnabled(), sync, isGradEnabled()];
      });
      const meanwhile = isGradEnabled();
      return { meanwhile, inner: await inner, after: isGradEnabled() };
    });
    expect(seen).toEqual({ meanwhile: false, inner: [true, false, true], after: false });
  });

  test('backward inside an asynchronous noGrad, and its gradients', async () => {
    const x = ones(2, { requiresGrad: true });
    const y = x.mul(x).sum();
    await noGrad(async () => {
      await sleep(1);
      y.backward(undefined, { createGraph: true });
      expect(isGradEnabled()).toBe(false);
    });
    expect([x.grad!.tolist(), x.grad!.requiresGrad]).toEqual([[2, 2], true]);
  });

  test('rejections and exceptions end the mode', async () => {
    const failing = noGrad(async () => {
      await sleep(1);
      throw new Error('late');
    });
    const early = noGrad(async () => Promise.reject(new Error('early')));
    expect(() =>
      noGrad(() => {
        throw new Error('at once');
      }),
    ).toThrow('at once');
    await expect(early).rejects.toThrow('early');
    await expect(failing).rejects.toThrow('late');
    expect(await noGrad(() => Promise.resolve(isGradEnabled()))).toBe(false);
  });

  test('what is started and not waited for has the mode of where it was started, until that is over', async () => {
    const { promise, resolve } = deferred();
    let started: Promise<boolean> | undefined;
    noGrad(() => {
      started = promise.then(() => isGradEnabled());
    });
    const other = noGrad(() => sleep(2)); // so that there is some asynchronous mode meanwhile
    resolve(undefined);
    expect(await started).toBe(true);
    await other;
  });

  test('a promise that never settles concerns nobody else', async () => {
    void noGrad(() => new Promise(() => undefined));
    await sleep(1);
    expect(isGradEnabled()).toBe(true);
  });

  test('guards that end out of order leave nothing behind', () => {
    const first = noGrad();
    const second = noGrad();
    first[Symbol.dispose]();
    expect(isGradEnabled()).toBe(false);
    second[Symbol.dispose]();
    second[Symbol.dispose]();
    expect(isGradEnabled()).toBe(true);
    const outer = noGrad();
    const inner = enableGrad();
    expect(isGradEnabled()).toBe(true);
    outer[Symbol.dispose]();
    expect(isGradEnabled()).toBe(true);
    inner[Symbol.dispose]();
  });
});

function deferred(): { promise: Promise<undefined>; resolve: (value: undefined) => void } {
  let resolve!: (value: undefined) => void;
  const promise = new Promise<undefined>((done) => (resolve = done));
  return { promise, resolve };
}

describe('where the host cannot follow asynchronous calls, as in browsers', () => {
  afterEach(() => {
    vi.unstubAllGlobals();
    vi.resetModules();
  });

  async function modes(): Promise<typeof import('../../src/tensor/grad-mode.ts')> {
    vi.stubGlobal(
      'process',
      new Proxy(process, { get: (target, name) => (name === 'getBuiltinModule' ? undefined : (Reflect.get(target, name) as unknown)) }),
    );
    vi.resetModules();
    return import('../../src/tensor/grad-mode.ts');
  }

  test('a mode lasts until the first await, and no longer', async () => {
    const mode = await modes();
    const seen: boolean[] = [];
    const watch = async (): Promise<void> => {
      seen.push(mode.isGradEnabled());
      await sleep(1);
      seen.push(mode.isGradEnabled());
    };
    const calls = [mode.noGrad(watch), mode.noGrad(watch)];
    expect(mode.isGradEnabled()).toBe(true);
    await Promise.all(calls);
    expect(seen).toEqual([false, false, true, true]);
    expect(mode.isGradEnabled()).toBe(true);
  });

  test('rejections and exceptions end it', async () => {
    const mode = await modes();
    await expect(mode.noGrad(() => Promise.reject(new Error('no')))).rejects.toThrow('no');
    expect(() =>
      mode.noGrad(() => {
        throw new Error('never');
      }),
    ).toThrow('never');
    expect(mode.isGradEnabled()).toBe(true);
  });

  test('an engine with AsyncContext follows them', async () => {
    const { AsyncLocalStorage } = await import('node:async_hooks');
    class Variable<T> {
      readonly #storage = new AsyncLocalStorage<T>();
      get = (): T | undefined => this.#storage.getStore();
      run = <R>(value: T, fn: () => R): R => this.#storage.run(value, fn);
    }
    vi.stubGlobal('AsyncContext', { Variable });
    const mode = await modes();
    expect(await mode.noGrad(async () => (await sleep(1), mode.isGradEnabled()))).toBe(false);
    expect(mode.isGradEnabled()).toBe(true);
  });
});

test('memory scopes that are closed out of order free nothing of each other', () => {
  const first = memoryScope();
  const a = ones(4);
  const second = memoryScope();
  const b = ones(5);
  expect(() => first[Symbol.dispose]()).toThrow(ArgumentError);
  expect([a.sum().item(), b.sum().item()]).toEqual([4, 5]);
  second[Symbol.dispose]();
  expect(a.sum().item()).toBe(4);
  expect(() => b.sum()).toThrow('freed');
  const inside = memoryScope(() => ones(2));
  expect(inside.sum().item()).toBe(2);
});
