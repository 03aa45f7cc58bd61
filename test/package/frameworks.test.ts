/** Models and tensors as state of React's and Vue's components, in the ways that docs/browser.md gives. */
import { createRequire } from 'node:module';
import { ArgumentError, nn, ones, optim, zeros, type Tensor } from 'flambeau';
import { describe, expect, it } from 'vitest';

const load = createRequire(import.meta.url);

/** As much of React as is used. */
interface React {
  createElement(component: () => unknown): unknown;
  createElement(tag: string, properties: null, ...children: string[]): unknown;
  useState<T>(initial: T | (() => T)): [T, (next: T | ((before: T) => T)) => void];
  useRef<T>(initial: T): { current: T };
}
const { createElement, useRef, useState } = load('react') as React;
const { renderToString } = load('react-dom/server') as { renderToString(element: unknown): string };

/** As much of Vue as is used. */
interface Reactivity {
  reactive<T extends object>(state: T): T;
  ref<T>(value: T): { value: T };
  shallowRef<T>(value: T): { value: T };
  isReactive(value: unknown): boolean;
  effect(run: () => void): void;
}
const { effect, isReactive, reactive, ref, shallowRef } = load('@vue/reactivity') as Reactivity;

class Net extends nn.Module {
  fc = new nn.Linear(2, 1);
  forward(x: Tensor): Tensor {
    return this.fc(x);
  }
}

describe('React', () => {
  const [first, second] = [new Net(), new Net()];
  const render = (component: () => string): string => renderToString(createElement(() => createElement('p', null, component())));
  const use = (model: (x: Tensor) => Tensor): string => String(model(ones(3, 2)).size());
  const show = (model: Net): string => `${model === second} ${use(model)}`;

  it.each<[string, () => string]>([
    [
      'by functions that give it',
      () => {
        const [model, setModel] = useState(() => first);
        if (model === first) setModel(() => second);
        return show(model);
      },
    ],
    [
      'in an object',
      () => {
        const [held, setHeld] = useState({ model: first });
        if (held.model === first) setHeld({ model: second });
        return show(held.model);
      },
    ],
    [
      'in a ref',
      () => {
        const held = useRef(first);
        held.current = second;
        return show(held.current);
      },
    ],
  ])('keeps a model %s', (_, component) => {
    expect(render(component)).toBe('<p>true 3,1</p>');
  });

  it('calls a model that is given by itself, which says that it got no tensor', () => {
    const given = (): string => {
      const [model] = useState<unknown>(first);
      return String(model);
    };
    expect(() => render(given)).toThrow(ArgumentError);
    expect(() => render(given)).toThrow(/linear: expected the input to be a tensor, but got undefined|Linear: expected/);
  });

  it('keeps tensors and optimizers as they are', () => {
    const [x, optimizer] = [ones(2), new optim.SGD(first.parameters(), { lr: 0.1 })];
    const component = (): string => {
      const [tensor, setTensor] = useState(x);
      const [held] = useState(optimizer);
      if (tensor === x) setTensor(x.mul(3));
      return `${tensor.sum().item()} ${held === optimizer}`;
    };
    expect(render(component)).toBe('<p>6 true</p>');
  });
});

describe('Vue', () => {
  it('leaves tensors, models and optimizers in reactive objects as they are, and follows their replacement', () => {
    const [x, model] = [ones(2, 2), new Net()];
    const optimizer = new optim.SGD(model.parameters(), { lr: 0.1 });
    const state = reactive({ x, model, optimizer, all: [x] });
    expect(isReactive(state)).toBe(true);
    for (const [held, value] of [
      [state.x, x],
      [state.model, model],
      [state.optimizer, optimizer],
      [state.all[0], x],
    ])
      expect(held === value).toBe(true);
    for (const value of [state.x, state.model, state.optimizer, state.all[0]]) expect(isReactive(value)).toBe(false);
    let seen = NaN;
    effect(() => {
      seen = state.x.sum().item();
    });
    expect(seen).toBe(4);
    state.x = zeros(2, 2);
    expect(seen).toBe(0);
    state.model(ones(1, 2)).sum().backward();
    const before = model.fc.weight.tolist();
    state.optimizer.step();
    expect(model.fc.weight.tolist()).not.toEqual(before);
  });

  it.each([
    ['ref', ref],
    ['shallowRef', shallowRef],
  ])('takes them in a %s', (_, hold) => {
    const [x, model] = [ones(1, 2), new Net()];
    const [input, network] = [hold(x), hold(model)];
    expect([input.value === x, network.value === model]).toEqual([true, true]);
    expect(network.value(input.value).shape).toEqual([1, 1]);
  });
});
