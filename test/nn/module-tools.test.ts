/** Containers, deep copies and nn.utils against PyTorch (test/fixtures/ops/module_tools.py). */
import { compile, deepcopy, nn, ones, randn, tensor, zeros, type Tensor } from 'flambeau';
import { describe, expect, test } from 'vitest';
import { decode, expectClose, loadFixture, toTensor, type Encoded } from '../support/fixtures.ts';

type State = Readonly<Record<string, Encoded>>;
const fixture = loadFixture<{
  texts: Record<string, string>;
  clips: { order: string; max: number; grads: Encoded[]; total: Encoded; after: Encoded[] }[];
  fused: { id: string; kind: 'conv' | 'transposed' | 'linear'; bias: boolean; affine: boolean; layer: State; bn: State; fused: State }[];
}>('module_tools');
const read = (text: Encoded): Tensor => toTensor(decode(text));
const stateOf = (state: State): Map<string, Tensor> => new Map(Object.entries(state).map(([key, text]) => [key, read(text)]));
const lin = (): nn.Linear<2, 2> => new nn.Linear(2, 2);

test('containers print as in PyTorch', () => {
  const { texts } = fixture;
  const both = (): nn.ModuleBase => new nn.Sequential(lin(), new nn.ReLU());
  expect(String(new nn.ModuleList([lin(), lin(), new nn.ReLU(), new nn.ReLU(), new nn.ReLU(), lin()]))).toBe(texts['list']);
  expect(String(new nn.ModuleList())).toBe(texts['empty']);
  expect(String(new nn.ModuleList([both(), both(), new nn.ModuleList([lin(), lin()])]))).toBe(texts['nested']);
  expect(String(new nn.ModuleDict({ a: new nn.ReLU(), b: new nn.ModuleList([lin(), lin()]) }))).toBe(texts['dict']);
  expect(String(new nn.ParameterList([zeros(2, 3), zeros(2)]))).toBe(texts['parameters']);
  expect(String(new nn.ParameterDict({ a: zeros(2, 3), b: zeros(4) }))).toBe(texts['named']);
  expect(String(new nn.ParameterList())).toBe(texts['noParameters']);
});

describe('containers', () => {
  test('lists: slices, inserting, taking out', () => {
    const [a, b, c] = [new nn.ReLU(), new nn.Tanh(), new nn.Sigmoid()];
    const list = new nn.ModuleList([a, b]);
    list.insert(1, c).extend([a]);
    expect([...list]).toEqual([a, c, b, a]);
    expect(list.pop()).toBe(a);
    expect(list.pop(0)).toBe(a);
    expect([...list.slice(-1)]).toEqual([b]);
    list[0] = a;
    expect([...list]).toEqual([a, b]);
    expect(() => list.pop(5)).toThrow(/5 is not one of its 2 places/);
    const sequential = new nn.Sequential(a, b, c);
    expect([...sequential.slice(1).namedChildren()].map(([name]) => name)).toEqual(['1', '2']);
    expect(sequential.pop(1)).toBe(b);
    expect([...sequential.insert(0, b).extend([b])]).toEqual([b, a, c, b]);
    expect(() => sequential.insert(9, b)).toThrow(/9 is not one of its 4 places/);
  });

  test('dictionaries of modules', () => {
    const dict = new nn.ModuleDict([['fc', lin()]]);
    dict.set('act', new nn.ReLU()).update({ last: lin() });
    expect([...dict.keys()]).toEqual(['fc', 'act', 'last']);
    expect([...dict.stateDict().keys()]).toEqual(['fc.weight', 'fc.bias', 'last.weight', 'last.bias']);
    expect(dict.pop('act')).toBeInstanceOf(nn.ReLU);
    expect([dict.size, dict.has('act'), dict.parameters().length]).toEqual([2, false, 4]);
    expect(() => dict.get('act')).toThrow(/no module 'act'; there are fc, last/);
    expect(() => dict.set('a.b', lin())).toThrow(/without dots/);
    expect(() => dict.update(3 as never)).toThrow(/a Map, pairs or an object/);
    dict.clear();
    expect(dict.size).toBe(0);
  });

  test('parameters in rows and by name', () => {
    const list = new nn.ParameterList([ones(2), new nn.Parameter(zeros(3))]);
    list.append(ones(1)).set(-1, zeros(4));
    expect([...list.stateDict().keys()]).toEqual(['0', '1', '2']);
    expect([list.at(-1).shape, list.parameters().length]).toEqual([[4], 3]);
    expect(() => list.at(3)).toThrow(/no parameter 3; it has 3/);
    const dict = new nn.ParameterDict({ a: ones(2) });
    dict.set('b', zeros(1)).set('a', zeros(3));
    expect([...dict.stateDict().keys()]).toEqual(['a', 'b']);
    expect(dict.pop('a').shape).toEqual([3]);
    expect([...dict]).toEqual(['b']);
    expect(() => dict.set('c', 3 as never)).toThrow(/every value to be a tensor/);
  });

  test('parameters and buffers by path', () => {
    const net = new nn.Sequential(lin(), new nn.BatchNorm1d(2));
    expect(net.getParameter('0.weight')).toBe((net[0] as unknown as nn.Linear).weight);
    expect(net.getBuffer('1.running_mean').shape).toEqual([2]);
    expect(() => net.getParameter('0.w')).toThrow(/has no parameter '0.w'; it has 0.weight/);
    net.apply((m: nn.Module) => void m.eval());
    expect(net.training).toBe(false);
  });
});

describe('deep copies', () => {
  test('of a module share nothing and compute the same', () => {
    const shared = lin();
    class Net extends nn.Module {
      first = shared;
      again = shared;
      list = new nn.ModuleList([lin(), new nn.BatchNorm1d(2)]);
      sizes = { widths: [1, 2] };
      forward(x: Tensor): Tensor {
        const x1: Tensor = (this.list[1] as nn.BatchNorm1d)(this.again(this.first(x)) as never);
        return x1;
      }
    }
    const net = new Net().eval();
    net.first.weight.requiresGrad = false;
    const copy = net.clone();
    expect([String(copy), copy.training, copy.first.weight.requiresGrad]).toEqual([String(net), false, false]);
    expect(copy.first).toBe(copy.again);
    const x = randn(3, 2);
    expect(copy(x).tolist()).toEqual(net(x).tolist());
    expect(compile((y: Tensor) => copy(y))(x).tolist()).toEqual(net(x).tolist());
    for (const [key, value] of net.stateDict()) expect(copy.stateDict().get(key)!.storage).not.toBe(value.storage);
    copy.sizes.widths.push(3);
    expect(net.sizes.widths).toEqual([1, 2]);
    copy.list[0] = new nn.ReLU();
    expect(net.list[0]).toBeInstanceOf(nn.Linear);
  });

  test('of tensors and state dicts', () => {
    const x = tensor([1, 2], { requiresGrad: true });
    x.mul(3).sum().backward();
    const copy = deepcopy(x);
    expect([copy.tolist(), copy.requiresGrad, copy.grad!.tolist()]).toEqual([[1, 2], true, [3, 3]]);
    const state = deepcopy(lin().stateDict());
    expect([...state.keys()]).toEqual(['weight', 'bias']);
    expect(() => deepcopy(x.mul(2))).toThrow(/only leaf tensors/);
    class Secretive extends nn.Module {
      readonly #by = 2;
      forward(x: Tensor): Tensor {
        return x.mul(this.#by);
      }
    }
    expect(() => deepcopy(new Secretive())).toThrow(/Secretive has #private fields/);
  });
});

describe('nn.utils', () => {
  test.each(fixture.clips)('norm of order $order to at most $max', (c) => {
    const order = c.order === 'inf' ? Infinity : c.order === '-inf' ? -Infinity : Number(c.order);
    const parameters = c.grads.map((text) => {
      const grad = read(text);
      const parameter = new nn.Parameter(zeros(grad.shape as number[]));
      parameter.grad = grad;
      return parameter;
    });
    const known = nn.utils.getTotalNorm(
      parameters.map(({ grad }) => grad!),
      order,
    );
    expectClose(known, decode(c.total), 'norm', 'sum');
    expectClose(nn.utils.clipGradNorm_(parameters, c.max, { normType: order }), decode(c.total), 'norm', 'sum');
    parameters.forEach((parameter, i) => expectClose(parameter.grad!, decode(c.after[i]!), `gradient ${i}`, 'sum'));
  });

  test('norms that are not finite, and norms known already', () => {
    const w = new nn.Parameter(zeros(2));
    w.grad = tensor([Infinity, 1]);
    expect(() => nn.utils.clipGradNorm_(w, 1, 2, true)).toThrow(/total norm of order 2 is Infinity/);
    w.grad = tensor([3, 4]);
    nn.utils.clipGradsWithNorm_([w], 2.5, tensor(5));
    expectClose(w.grad, decode('f4[2]AADAPwAAAEA='), 'gradient', 'sum');
  });

  test('parameters as a vector', () => {
    const net = lin();
    const vector = nn.utils.parametersToVector(net.parameters());
    nn.utils.vectorToParameters(vector.detach().mul(2), net.parameters());
    expect(nn.utils.parametersToVector(net.parameters()).tolist()).toEqual((vector.tolist() as number[]).map((v) => 2 * v));
    expect(() => nn.utils.vectorToParameters(zeros(3), net.parameters())).toThrow(/a vector of 6 elements/);
  });

  test.each(fixture.fused)('batch normalisation taken into $id', (c) => {
    const { bias, affine } = c;
    const norm = (c.kind === 'linear' ? new nn.BatchNorm1d(4, { affine }) : new nn.BatchNorm2d(4, { affine })).eval();
    norm.loadStateDict(stateOf(c.bn));
    const layer = (
      c.kind === 'linear'
        ? new nn.Linear(3, 4, { bias })
        : c.kind === 'conv'
          ? new nn.Conv2d(3, 4, 3, { bias })
          : new nn.ConvTranspose2d(3, 4, 3, { bias })
    ) as nn.ModuleBase;
    layer.eval().loadStateDict(stateOf(c.layer));
    const before = layer.parameters().length;
    const fused =
      c.kind === 'linear' ? nn.utils.fuseLinearBnEval(layer, norm) : nn.utils.fuseConvBnEval(layer, norm, c.kind === 'transposed');
    expect(fused.stateDict().size).toBe(Object.keys(c.fused).length);
    for (const [key, value] of fused.stateDict()) expectClose(value, decode(c.fused[key]!), key, 'sum');
    expect(layer.parameters().length).toBe(before);
    const { weight, bias: own } = layer as nn.Conv2d;
    const [mean, variance, eps] = [norm.running_mean!, norm.running_var!, norm.eps];
    const pair =
      c.kind === 'linear'
        ? nn.utils.fuseLinearBnWeights(weight, own, mean, variance, eps, norm.weight!, norm.bias!)
        : nn.utils.fuseConvBnWeights(weight, own, mean, variance, eps, norm.weight, norm.bias, c.kind === 'transposed');
    for (const [i, key] of ['weight', 'bias'].entries()) expectClose(pair[i]!, decode(c.fused[key]!), key, 'sum');
    expect(() => nn.utils.fuseConvBnEval(layer.train(), norm)).toThrow(/eval mode/);
  });
});
