/** ONNX operators that move elements without changing them, and those that make tensors. Shapes are known when they run. */
import { isFloating, type DType } from '../../base/dtype.ts';
import { ShapeError } from '../../base/errors.ts';
import { broadcastShapes, numelOf, showShape, type Dims } from '../../base/shape.ts';
import { outOfRange } from '../../geometry/index-error.ts';
import { flipParams, indexParams, padParams, triangleParams } from '../../geometry/indexing.ts';
import { allowance } from '../../tensor/allowance.ts';
import { fromTypedArray, full } from '../../tensor/create.ts';
import { apply1 } from '../../tensor/dispatch.ts';
import { cat, where } from '../../tensor/functions.ts';
import { narrow } from '../../tensor/views.ts';
import type { Tensor } from '../../tensor/tensor.ts';
import type { TensorData } from '../data.ts';
import { checkSize, countMade, Host, hostPick, hostReshape, MAX_HOST_ELEMENTS, shapeOf, type Value } from '../host.ts';
import { Args, axesOf, axisOf, type OnnxNode, type Operator, type Run } from '../node.ts';

/** Elements that any tensor may have. */
const MAX_ELEMENTS = 2 ** 31;
/** Dimensions that a tensor may have, as in PyTorch. */
const MAX_RANK = 64;

/** @throws ShapeError, OutOfMemoryError for what is no shape, or is more than the call may make */
export function checkElements(op: string, shape: Dims): void {
  if (shape.length > MAX_RANK || !shape.every((size) => Number.isInteger(size) && size >= 0) || numelOf(shape) > MAX_ELEMENTS) {
    throw new ShapeError(
      `onnx: ${op}: cannot make a tensor of ${shape.length > MAX_RANK ? `${shape.length} dimensions` : `shape ${showShape(shape)}`}`,
    );
  }
  allowance?.check(4 * numelOf(shape));
}

/** An operator that changes the shape only: for tensors and on the host alike. */
function reshaping(shape: (node: OnnxNode) => (args: Args, from: Dims) => Dims, hostInputs: readonly number[] = []): Operator {
  const build = (node: OnnxNode): Run => {
    const to = shape(node);
    return (args) => {
      const x = args.value(0);
      const target = to(args, shapeOf(x));
      if (target.length > MAX_RANK) node.fail(`${target.length} dimensions are more than ${MAX_RANK}`);
      if (numelOf(target) !== numelOf(shapeOf(x))) {
        throw new ShapeError(`onnx: ${node.place}: ${showShape(shapeOf(x))} cannot become ${showShape(target)}`);
      }
      return x instanceof Host ? hostReshape(x, target) : x.reshape([...target]);
    };
  };
  return { build, host: build, hostInputs };
}

/** Axes of an attribute (older versions) or of an input. */
function axesGiven(node: OnnxNode, input: number): (args: Args) => readonly number[] | undefined {
  const attribute = node.ints('axes');
  return (args) => attribute ?? args.numbers(input);
}

const reshape = reshaping(
  (node) => {
    const keepsZero = node.flag('allowzero');
    return (args, from) => {
      const wanted = args.host(1).data;
      if (wanted.length > MAX_RANK) node.fail(`${wanted.length} dimensions are more than ${MAX_RANK}`);
      const sizes = wanted.map((size, i) => {
        if (size !== 0 || keepsZero) return size;
        return from[i] ?? node.fail(`size 0 stands for dimension ${i}, but the input is ${showShape(from)}`);
      });
      const known = numelOf(sizes.filter((size) => size !== -1));
      return sizes.map((size) => (size === -1 ? (known === 0 ? 0 : numelOf(from) / known) : size));
    };
  },
  [1],
);

const flatten = reshaping((node) => {
  const axis = node.int('axis', 1);
  return (_, from) => {
    const at = axis === from.length ? axis : axisOf(node, axis, Math.max(from.length, 1));
    return [numelOf(from.slice(0, at)), numelOf(from.slice(at))];
  };
});

const squeeze = reshaping(
  (node) => {
    const given = axesGiven(node, 1);
    return (args, from) => {
      const axes = given(args);
      const drop = axes === undefined ? undefined : axesOf(node, axes, from.length);
      return from.filter((size, d) => {
        if (drop === undefined) return size !== 1;
        if (drop.includes(d) && size !== 1) node.fail(`dimension ${d} of ${showShape(from)} is not 1`);
        return !drop.includes(d);
      });
    };
  },
  [1],
);

const unsqueeze = reshaping(
  (node) => {
    const given = axesGiven(node, 1);
    return (args, from) => {
      const axes = given(args) ?? node.fail('axes are missing');
      const rank = from.length + axes.length;
      if (rank > MAX_RANK) node.fail(`${rank} dimensions are more than ${MAX_RANK}`);
      const added = axesOf(node, axes, rank);
      const rest = [...from];
      return Array.from({ length: rank }, (_, d) => (added.includes(d) ? 1 : rest.shift()!));
    };
  },
  [1],
);

const transpose: Operator = both((node) => {
  const given = node.ints('perm');
  return (x) => {
    const shape = shapeOf(x);
    const order = given === undefined ? shape.map((_, d) => shape.length - 1 - d) : axesOf(node, given, shape.length);
    if (order.length !== shape.length) node.fail(`perm [${order.join(', ')}] does not name each of ${shape.length} dimensions`);
    if (!(x instanceof Host)) return x.permute(order);
    return hostPick(
      x,
      order.map((d) => shape[d]!),
      (at) => shape.map((_, d) => at[order.indexOf(d)]!),
    );
  };
});

/** An operator of one value and attributes, for tensors and on the host. */
function both(build: (node: OnnxNode) => (x: Value, args: Args) => Value | readonly Value[], hostInputs: readonly number[] = []): Operator {
  const made = (node: OnnxNode): Run => {
    const run = build(node);
    return (args) => run(args.value(0), args);
  };
  return { build: made, host: made, hostInputs };
}

function concatenated(node: OnnxNode): Run {
  const axis = node.int('axis', node.opset < 4 ? 1 : NaN);
  return (args) => {
    const values = args.values.map((_, i) => args.value(i));
    const shape = shapeOf(values[0] ?? node.fail('it has no input'));
    const at = axisOf(node, axis, shape.length);
    if (!values.every((value) => value instanceof Host))
      return cat<Tensor[], number>(
        args.values.map((_, i) => args.tensor(i)),
        at,
      );
    if (shape.length === 1) {
      const length = values.reduce((n, { data }) => n + data.length, 0);
      countMade(length);
      return new Host(
        values[0]!.dtype,
        [length],
        values.flatMap(({ data }) => data),
      );
    }
    return cat<Tensor[], number>(
      values.map((value) => value.tensor()),
      at,
    );
  };
}

/** Part of a value along one axis. */
function part(x: Value, axis: number, start: number, length: number, step = 1): Value {
  if (!(x instanceof Host)) return narrow(x, axis, start, length, step);
  const shape = x.shape.map((size, d) => (d === axis ? length : size));
  return hostPick(x, shape, (at) => at.map((index, d) => (d === axis ? start + index * step : index)));
}

function splitSizes(node: OnnxNode, size: number, sizes: readonly number[] | undefined, parts: number): readonly number[] {
  if (sizes !== undefined) {
    if (sizes.some((part) => !(part >= 0)) || sizes.reduce((a, b) => a + b, 0) !== size || sizes.length !== parts) {
      node.fail(`sizes [${sizes.join(', ')}] do not split ${size} into ${parts}`);
    }
    return sizes;
  }
  const each = Math.ceil(size / parts);
  return Array.from({ length: parts }, (_, i) => Math.max(0, Math.min(each, size - i * each)));
}

const split = both(
  (node) => {
    const axis = node.int('axis', 0);
    const attribute = node.ints('split');
    const parts = node.int('num_outputs', node.outputs.length);
    if (parts !== node.outputs.length) node.fail(`${parts} outputs are announced, but there are ${node.outputs.length}`);
    return (x, args) => {
      const shape = shapeOf(x);
      const at = axisOf(node, axis, shape.length);
      let start = 0;
      return splitSizes(node, shape[at]!, attribute ?? args.numbers(1), parts).map((length) => {
        start += length;
        return part(x, at, start - length, length);
      });
    };
  },
  [1],
);

/** Turns dimensions round. */
export const flip = (x: Tensor, dims: readonly number[]): Tensor => apply1('flip', [x], flipParams(dims));

function slicedAlong(x: Value, axis: number, start: number, end: number, step: number): Value {
  const size = shapeOf(x)[axis]!;
  const clip = (bound: number, low: number, high: number): number => Math.min(Math.max(bound < 0 ? bound + size : bound, low), high);
  if (step > 0) {
    const [from, to] = [clip(start, 0, size), clip(end, 0, size)];
    return part(x, axis, from, Math.max(0, Math.ceil((to - from) / step)), step);
  }
  // From the end backwards: turned round, it is a slice of positive step.
  const [from, to] = [clip(start, -1, size - 1), clip(end, -1, size - 1)];
  const length = Math.max(0, Math.ceil((from - to) / -step));
  if (x instanceof Host)
    return hostPick(
      x,
      x.shape.map((n, d) => (d === axis ? length : n)),
      (at) => at.map((index, d) => (d === axis ? from + index * step : index)),
    );
  if (length === 0) return part(x, axis, 0, 0);
  return part(flip(x, [axis]), axis, size - 1 - from, length, -step);
}

const slice = both(
  (node) => {
    const old = node.opset < 10;
    const given = old ? { starts: node.ints('starts'), ends: node.ints('ends'), axes: node.ints('axes') } : undefined;
    return (x, args) => {
      const starts = given?.starts ?? args.host(1).data;
      const ends = given?.ends ?? args.host(2).data;
      const rank = shapeOf(x).length;
      const axes = axesOf(node, (old ? given?.axes : args.numbers(3)) ?? starts.map((_, i) => i), rank);
      const steps = (old ? undefined : args.numbers(4)) ?? starts.map(() => 1);
      if (ends.length !== starts.length || axes.length !== starts.length || steps.length !== starts.length || steps.includes(0)) {
        node.fail('starts, ends, axes and steps do not fit together');
      }
      return axes.reduce<Value>((value, axis, i) => slicedAlong(value, axis, starts[i]!, ends[i]!, steps[i]!), x);
    };
  },
  [1, 2, 3, 4],
);

/** Indices counted from the front, as int64. */
export function frontIndices(index: Tensor, size: number): Tensor {
  const wide = index.to('int64');
  return where(wide.lt(0), wide.add(size), wide);
}

/** As operations take them. */
const asIndices = (index: Tensor): Tensor => (index.dtype === 'int32' ? index : index.to('int64'));

function gatheredHost(x: Host, axis: number, index: Host): Host {
  const size = x.shape[axis]!;
  const rank = index.shape.length;
  const steps = index.shape.map((_, d) => numelOf(index.shape.slice(d + 1)));
  const shape = [...x.shape.slice(0, axis), ...index.shape, ...x.shape.slice(axis + 1)];
  return hostPick(x, shape, (at) => {
    const place = index.data[at.slice(axis, axis + rank).reduce((sum, i, d) => sum + i * steps[d]!, 0)]!;
    if (place < -size || place >= size) throw outOfRange({ caller: 'onnx: Gather', dim: axis, size, wraps: true }, BigInt(place));
    return [...at.slice(0, axis), place < 0 ? place + size : place, ...at.slice(axis + rank)];
  });
}

const gather = both((node) => {
  const axis = node.int('axis', 0);
  return (x, args) => {
    const shape = shapeOf(x);
    const at = axisOf(node, axis, shape.length);
    const index = args.value(1);
    if (shape.length + shapeOf(index).length > MAX_RANK + 1) node.fail(`the result has more than ${MAX_RANK} dimensions`);
    if (x instanceof Host && index instanceof Host) return gatheredHost(x, at, index);
    const tensor = args.tensor(0);
    if (index instanceof Host && index.data.length === 1 && index.shape.length === 0) return tensor.select(at, index.data[0]!);
    const flat = apply1('indexSelect', [tensor, asIndices(args.tensor(1)).reshape([-1])], indexParams(at, 'onnx: Gather', true));
    return flat.reshape([...shape.slice(0, at), ...shapeOf(index), ...shape.slice(at + 1)]);
  };
});

const expand = both(
  (node) => (x, args) => {
    if (args.host(1).data.length > MAX_RANK) node.fail(`${args.host(1).data.length} dimensions are more than ${MAX_RANK}`);
    const shape = broadcastShapes(node.place, shapeOf(x), args.host(1).data);
    checkElements('Expand', shape);
    if (!(x instanceof Host)) return x.expand(shape);
    const shift = shape.length - x.shape.length;
    return hostPick(x, shape, (at) => x.shape.map((size, d) => (size === 1 ? 0 : at[d + shift]!)));
  },
  [1],
);

const tile = both(
  (node) => (x, args) => {
    const shape = shapeOf(x);
    const repeats = args.host(1).data;
    if (repeats.length !== shape.length) node.fail(`repeats [${repeats.join(', ')}] do not fit ${showShape(shape)}`);
    const result = shape.map((size, d) => size * repeats[d]!);
    checkElements('Tile', result);
    if (x instanceof Host) return hostPick(x, result, (at) => at.map((index, d) => index % shape[d]!));
    if (repeats.every((n) => n === 1)) return x;
    const spread = args.tensor(0).reshape(shape.flatMap((size) => [1, size]));
    return spread.expand(shape.flatMap((size, d) => [repeats[d]!, size])).reshape(result);
  },
  [1],
);

const shape: Operator = both((node) => {
  const [start, end] = [node.int('start', 0), node.int('end')];
  return (x) => Host.ints([...shapeOf(x).slice(start, end)]);
});

const constantOfShape: Operator = {
  hostInputs: [0],
  build: filled,
  host: filled,
};

function filled(node: OnnxNode): Run {
  const given = node.tensor('value') as TensorData | undefined;
  if (given !== undefined && given.data.length !== 1) node.fail('its value has not one element');
  const value = Number(given?.data[0] ?? 0);
  const dtype = given?.dtype ?? 'float32';
  return (args) => {
    const sizes = args.host(0).data;
    checkElements('ConstantOfShape', sizes);
    if (numelOf(sizes) <= 64 && !isFloating(dtype)) return new Host(dtype, sizes, new Array<number>(numelOf(sizes)).fill(value));
    return full([...sizes], value, { dtype });
  };
}

/** A constant whose numbers operators may want to know: surely so, or because it is small. */
export function constantValue({ dtype, shape: sizes, data }: TensorData, needed = false): Value {
  const few = data.length <= (isFloating(dtype) && !needed ? 64 : MAX_HOST_ELEMENTS);
  if (few) return Host.constant(dtype, sizes, data);
  const tensor = fromTypedArray(data, sizes, dtype);
  tensor.storage.kept = true;
  return tensor;
}

const constant: Operator = { build: constantOf, host: constantOf };

function constantOf(node: OnnxNode): Run {
  const list = (dtype: DType, numbers: readonly number[] | undefined): Value | undefined =>
    numbers && new Host(dtype, [numbers.length], numbers);
  const one = (dtype: DType, given: boolean, number: number): Value | undefined => (given ? Host.scalar(dtype, number) : undefined);
  const tensor = node.tensor('value') as TensorData | undefined;
  const value =
    (tensor && constantValue(tensor)) ??
    one('float32', node.has('value_float'), node.float('value_float', 0)) ??
    one('int64', node.has('value_int'), node.int('value_int', 0)) ??
    list('float32', node.floats('value_floats')) ??
    list('int64', node.ints('value_ints')) ??
    node.refuse('a constant that is not numbers');
  return () => value;
}

const range = both(
  (node) => (_, args) => {
    const [start, limit, delta] = [0, 1, 2].map((i) => args.number(i)!) as [number, number, number];
    const length = Math.max(0, Math.ceil((limit - start) / delta));
    if (!Number.isFinite(length)) node.fail('it has no end');
    checkSize([length]);
    allowance?.spend(64 * length);
    return new Host(
      shapeOf(args.value(0)).length === 0 ? args.value(0).dtype : 'int64',
      [length],
      Array.from({ length }, (__, i) => start + i * delta),
    );
  },
  [0, 1, 2],
);

// ---- padding

/** Where the elements of a padded dimension come from. */
function paddedIndices(mode: string, size: number, before: number, after: number): BigInt64Array<ArrayBuffer> {
  const length = Math.max(0, before + size + after);
  allowance?.spend(16 * length);
  const indices = new BigInt64Array(length);
  const period = 2 * Math.max(size - 1, 1);
  for (let i = 0; i < length; i++) {
    const at = i - before;
    const folded = ((at % period) + period) % period;
    if (mode === 'edge') indices[i] = BigInt(Math.min(Math.max(at, 0), size - 1));
    else if (mode === 'wrap') indices[i] = BigInt(((at % size) + size) % size);
    else indices[i] = BigInt(size === 1 ? 0 : Math.min(folded, period - folded));
  }
  return indices;
}

/** Zeros, or another number, before and after each dimension; negative numbers cut. */
export function padConstant(x: Tensor, before: readonly number[], after: readonly number[], value: number): Tensor {
  if ([...before, ...after].every((n) => n === 0)) return x;
  checkElements(
    'Pad',
    x.layout.shape.map((size, d) => Math.max(0, size + before[d]! + after[d]!)),
  );
  const pads = x.layout.shape.flatMap((_, i) => {
    const d = x.ndim - 1 - i;
    return [before[d]!, after[d]!];
  });
  return apply1('pad', [x], padParams(pads), [value]);
}

function padded(x: Tensor, before: readonly number[], after: readonly number[], mode: string): Tensor {
  const { shape } = x.layout;
  checkElements(
    'Pad',
    shape.map((size, d) => Math.max(0, size + before[d]! + after[d]!)),
  );
  return shape.reduce<Tensor>((y, size, d) => {
    if (before[d] === 0 && after[d] === 0) return y;
    if (size === 0) throw new ShapeError(`onnx: Pad: dimension ${d} has no elements to repeat`);
    return y.indexSelect(d, fromTypedArray(paddedIndices(mode, size, before[d]!, after[d]!)));
  }, x);
}

const pad: Operator = {
  hostInputs: [1, 2, 3],
  build: (node) => {
    const mode = node.oneOf('mode', ['constant', 'reflect', 'edge', 'wrap'], 'constant');
    const old = node.opset < 11 ? { pads: node.ints('pads'), value: node.float('value', 0) } : undefined;
    return (args) => {
      const x = args.tensor(0);
      const pads = old?.pads ?? args.host(1).data;
      const axes = axesOf(node, (old ? undefined : args.numbers(3)) ?? x.layout.shape.map((_, d) => d), x.ndim);
      if (pads.length !== 2 * axes.length) node.fail(`pads [${pads.join(', ')}] do not fit ${axes.length} axes`);
      const [before, after] = [new Array<number>(x.ndim).fill(0), new Array<number>(x.ndim).fill(0)];
      axes.forEach((axis, i) => {
        before[axis] = pads[i]!;
        after[axis] = pads[i + axes.length]!;
      });
      if (mode === 'constant') return padConstant(x, before, after, old?.value ?? args.number(2) ?? 0);
      return padded(x, before, after, mode);
    };
  },
};

// ---- blocks and depth

const depthToSpace: Operator = {
  build: (node) => {
    const block = node.int('blocksize', 0);
    const columnFirst = node.oneOf('mode', ['DCR', 'CRD'], 'DCR') === 'CRD';
    if (!(block > 0)) node.fail(`blocksize ${block} is not positive`);
    return (args) => {
      const x = args.tensor(0);
      const [n, c, h, w] = fourOf(node, x);
      const depth = c / block ** 2;
      if (!Number.isInteger(depth)) node.fail(`${c} channels do not divide into blocks of ${block}×${block}`);
      const split = columnFirst ? [n, depth, block, block, h, w] : [n, block, block, depth, h, w];
      const order = columnFirst ? [0, 1, 4, 2, 5, 3] : [0, 3, 4, 1, 5, 2];
      return x
        .reshape(split)
        .permute(order)
        .reshape([n, depth, h * block, w * block]);
    };
  },
};

const spaceToDepth: Operator = {
  build: (node) => {
    const block = node.int('blocksize', 0);
    const channelsFirst = node.oneOf('mode', ['DCR', 'CRD'], 'DCR') === 'CRD';
    if (!(block > 0)) node.fail(`blocksize ${block} is not positive`);
    return (args) => {
      const x = args.tensor(0);
      const [n, c, h, w] = fourOf(node, x);
      if (h % block !== 0 || w % block !== 0) node.fail(`${h}×${w} does not divide into blocks of ${block}×${block}`);
      const split = x.reshape([n, c, h / block, block, w / block, block]);
      return split.permute(channelsFirst ? [0, 1, 3, 5, 2, 4] : [0, 3, 5, 1, 2, 4]).reshape([n, c * block ** 2, h / block, w / block]);
    };
  },
};

function fourOf(node: OnnxNode, x: Tensor): readonly [number, number, number, number] {
  if (x.ndim !== 4) node.fail(`an input of 4 dimensions is expected, but it has the shape ${showShape(x.layout.shape)}`);
  return x.layout.shape as unknown as readonly [number, number, number, number];
}

const trilu: Operator = {
  hostInputs: [1],
  build: (node) => {
    const upper = node.flag('upper', true);
    return (args) => apply1(upper ? 'triu' : 'tril', [args.tensor(0)], triangleParams(args.number(1) ?? 0));
  },
};

const gatherElements: Operator = {
  build: (node) => {
    const axis = node.int('axis', 0);
    return (args) => {
      const x = args.tensor(0);
      const at = axisOf(node, axis, x.ndim);
      return apply1('gather', [x, asIndices(args.tensor(1))], indexParams(at, 'onnx: GatherElements', true));
    };
  },
};

export const shapeOperators = {
  Concat: { build: concatenated, host: concatenated },
  Constant: constant,
  ConstantOfShape: constantOfShape,
  DepthToSpace: depthToSpace,
  Expand: expand,
  Flatten: flatten,
  Gather: gather,
  GatherElements: gatherElements,
  Pad: pad,
  Range: range,
  Reshape: reshape,
  Shape: shape,
  Size: both(() => (x) => Host.scalar('int64', numelOf(shapeOf(x)))),
  Slice: slice,
  SpaceToDepth: spaceToDepth,
  Split: split,
  Squeeze: squeeze,
  Tile: tile,
  Transpose: transpose,
  Trilu: trilu,
  Unsqueeze: unsqueeze,
} as const satisfies Record<string, Operator>;
