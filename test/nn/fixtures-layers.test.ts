/**
 * Layers and small networks with given weights against PyTorch (test/fixtures/ops/layers.py): state, printed form, output,
 * gradients, buffers afterwards.
 */
import { manualSeed, type Tensor } from 'flambeau';
import { describe, expect, test } from 'vitest';
import { onEachDevice } from '../support/devices.ts';
import { decode, expectClose, loadFixture, toTensor, type Encoded } from '../support/fixtures.ts';
import { build, type Spec } from '../support/networks.ts';

type Tensors = Readonly<Record<string, Encoded>>;

interface LayerCase {
  readonly id: string;
  readonly spec: Spec;
  readonly training: boolean;
  readonly repr: string;
  /** Before the call. */
  readonly state: Tensors;
  readonly parameters: readonly string[];
  readonly in: Encoded;
  readonly out: Encoded;
  readonly up: Encoded;
  readonly gradIn: Encoded;
  readonly grads: Tensors;
  /** After the call. */
  readonly buffers: Tensors;
}

const { cases } = loadFixture<{ cases: LayerCase[] }>('layers');

function expectAll(what: string, got: ReadonlyMap<string, Tensor | null>, expected: Tensors): void {
  expect([...got.keys()]).toEqual(Object.keys(expected));
  for (const [name, text] of Object.entries(expected)) {
    const tensor = got.get(name);
    if (tensor == null) throw new Error(`${what} of ${name}: nothing came`);
    expectClose(tensor, decode(text), `${what} of ${name}`, 'long');
  }
}

describe('layers as in PyTorch', () => {
  onEachDevice(() => {
    test.each(cases)('$id', (c) => {
      const net = build(c.spec);
      expect([...net.stateDict().keys()]).toEqual(Object.keys(c.state));
      net.loadStateDict(new Map(Object.entries(c.state).map(([name, text]) => [name, toTensor(decode(text))])));
      net.train(c.training);
      expect(String(net)).toBe(c.repr);
      expect([...net.namedParameters()].map(([name]) => name)).toEqual(c.parameters);

      const x = toTensor(decode(c.in)).requiresGrad_();
      manualSeed(5); // the generator's, for dropout
      const y = net(x);
      expectClose(y, decode(c.out), 'output', 'sum');
      y.backward(toTensor(decode(c.up)));
      expectClose(x.grad!, decode(c.gradIn), 'gradient of the input', 'long');
      expectAll('gradient', new Map([...net.namedParameters()].map(([name, p]) => [name, p.grad])), c.grads);
      expectAll('value', new Map(net.namedBuffers()), c.buffers);
    });
  });
});
