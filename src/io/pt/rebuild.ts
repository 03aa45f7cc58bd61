/**
 * The functions that rebuild tensors and parameters, of all versions of PyTorch (torch/_utils.py, torch/_tensor.py). Everything the file says
 * about a tensor is held against the bytes that are there. Kinds of tensors that do not exist here (sparse, quantised, nested, without
 * data) are made by none of them: their calls stay objects that hold what the file says.
 */
import { describe } from '../pickle/items.ts';
import type { MakeError, PickleItem } from '../pickle/items.ts';
import { StorageItem } from './storage.ts';
import { PT_DTYPES, PyGlobal, PyObject, PyTuple, RawTensor, geometryProblem, ptItemSize } from './value.ts';
import type { PtDType, PtValue, RawTensorFields } from './value.ts';

/** Calls another function that means something here. */
type Call = (callee: PyGlobal, args: readonly PickleItem[]) => PickleItem | undefined;

/** What a call gives; undefined when it is to stay an object that holds its arguments. */
export type Rebuild = (args: readonly PickleItem[], error: MakeError, call: Call) => PickleItem | undefined;

export const REBUILD: ReadonlyMap<string, Rebuild> = new Map<string, Rebuild>(
  Object.entries({
    'torch._utils._rebuild_tensor': ([storage, offset, size, stride], error) =>
      rebuildTensor([storage!, offset!, size!, stride!, false, null], error),
    'torch._utils._rebuild_tensor_v2': rebuildTensor,
    'torch._utils._rebuild_tensor_v3': rebuildTensorOfDType,
    'torch._utils._rebuild_parameter': rebuildParameter,
    'torch._utils._rebuild_parameter_with_state': rebuildParameter,
    'torch._utils._rebuild_device_tensor_from_numpy': fromAnotherDevice,
    'torch._utils._rebuild_device_tensor_from_cpu_tensor': fromAnotherDevice,
    'torch._utils._rebuild_xla_tensor': fromAnotherDevice, // PyTorch 1.5 to 1.10
    'torch._tensor._rebuild_from_type': rebuildSubclass,
    'torch._tensor._rebuild_from_type_v2': rebuildSubclass,
    'torch.tensor._rebuild_from_type': rebuildSubclass, // PyTorch 1.7
    'torch.nn.parameter.Parameter': makeParameter,
    'torch.autograd.variable.Variable': makeParameter, // PyTorch 0.3 and before
  } satisfies Record<string, Rebuild>),
);

/** `_rebuild_tensor_v2(storage, offset, size, stride, requires_grad, backward_hooks, metadata=None)`; hooks are code, and left out. */
function rebuildTensor(args: readonly PickleItem[], error: MakeError): PickleItem | undefined {
  const [item, offset, shape, strides, requiresGrad, , metadata] = args;
  if (args.length !== 6 && args.length !== 7) throw error(`a tensor made of ${args.length} parts; expected 6 or 7`);
  if (standsForAnother(metadata)) return undefined;
  const storage = storageOf(item, error);
  return tensorOver(storage, storage.dtype, [offset, shape, strides, requiresGrad], error);
}

/** `_rebuild_tensor_v3(storage, offset, size, stride, requires_grad, backward_hooks, dtype, metadata=None)`, whose storage has no type. */
function rebuildTensorOfDType(args: readonly PickleItem[], error: MakeError): PickleItem | undefined {
  const [item, offset, shape, strides, requiresGrad, , type, metadata] = args;
  if (args.length !== 7 && args.length !== 8) throw error(`a tensor made of ${args.length} parts; expected 7 or 8`);
  const dtype = dtypeNamed(type);
  if (dtype === undefined && !(type instanceof PyGlobal)) throw error(`a tensor's dtype is ${describe(type ?? null)}`);
  const storage = storageOf(item, error);
  if (dtype === undefined || standsForAnother(metadata)) return undefined;
  return tensorOver(storage, dtype, [offset, shape, strides, requiresGrad], error);
}

/** The dtype that `torch.float32` names. */
export function dtypeNamed(type: unknown): PtDType | undefined {
  if (!(type instanceof PyGlobal) || type.module !== 'torch') return undefined;
  return PT_DTYPES.find((dtype) => dtype === type.name);
}

/** Metadata says that the bytes stand for their negative or complex conjugate. */
const standsForAnother = (metadata: PickleItem | undefined): boolean =>
  metadata instanceof Map && [...metadata.values()].some((value) => value !== false);

function storageOf(item: PickleItem | undefined, error: MakeError): StorageItem {
  if (item instanceof StorageItem) return item;
  throw error(`a tensor's storage is ${describe(item ?? null)}`);
}

function tensorOver(
  item: StorageItem,
  dtype: PtDType,
  [offset, shape, strides, requiresGrad]: readonly (PickleItem | undefined)[],
  error: MakeError,
): RawTensor {
  if (typeof offset !== 'number') throw error(`a tensor's offset is ${describe(offset ?? null)}; expected an int`);
  if (typeof requiresGrad !== 'boolean') throw error(`a tensor's requires_grad is ${describe(requiresGrad ?? null)}; expected a bool`);
  // A part of a storage begins at an element of the storage's own type.
  const from = (item.offset * ptItemSize(item.dtype)) / ptItemSize(dtype);
  const fields: Required<RawTensorFields> = {
    dtype,
    shape: integers("a tensor's size", shape, error),
    strides: integers("a tensor's stride", strides, error),
    offset: from + offset,
    storage: item.storage,
    requiresGrad,
    parameter: false,
  };
  const end = Math.floor(from + (item.count * ptItemSize(item.dtype)) / ptItemSize(dtype));
  const problem = geometryProblem(fields, end) ?? (offset < 0 ? `offset ${offset}` : undefined);
  if (problem !== undefined) throw error(`${problem}; the file is damaged or made to mislead`);
  return new RawTensor(fields);
}

/** `_rebuild_parameter(data, requires_grad, backward_hooks)`, and with the attributes that Python code had given it, which are left out. */
function rebuildParameter(args: readonly PickleItem[], error: MakeError): PickleItem | undefined {
  const [data, requiresGrad] = args;
  if (args.length !== 3 && args.length !== 4) throw error(`a parameter made of ${args.length} parts; expected 3 or 4`);
  if (data instanceof PyObject) return undefined;
  if (typeof requiresGrad !== 'boolean') throw error(`a parameter's requires_grad is ${describe(requiresGrad ?? null)}; expected a bool`);
  return parameterOf(data, requiresGrad, error);
}

function parameterOf(data: PickleItem | undefined, requiresGrad: boolean, error: MakeError): RawTensor {
  if (!(data instanceof RawTensor)) throw error(`a parameter's data is ${describe(data ?? null)}; expected a tensor`);
  const { dtype, shape, strides, offset, storage } = data;
  const fields = { dtype, shape, strides, offset, storage, requiresGrad, parameter: true };
  const problem = geometryProblem(fields);
  if (problem !== undefined) throw error(problem);
  return new RawTensor(fields);
}

/** `Parameter(data, requires_grad=True)`. Before PyTorch 0.4 its state follows, or is all there is. */
function makeParameter([data, requiresGrad = true]: readonly PickleItem[], error: MakeError): PickleItem | undefined {
  if (!(data instanceof RawTensor) || typeof requiresGrad !== 'boolean') return undefined;
  return new OldParameter(parameterOf(data, requiresGrad, error));
}

/** A parameter whose state may still follow: an object until then. */
class OldParameter extends PyObject {
  constructor(tensor: RawTensor) {
    super(new PyGlobal('torch.nn.parameter', 'Parameter'), new PyTuple<PtValue>([tensor]));
  }
}

/** What an object that {@link REBUILD} did not finish is without a state of its own. */
export const settledParameter = (object: PyObject): RawTensor | undefined =>
  object instanceof OldParameter ? (object.args.items[0] as RawTensor) : undefined;

/** `_rebuild_device_tensor_from_numpy(data, dtype, device, requires_grad)`: a tensor that lay where no storages are. */
function fromAnotherDevice([data, , , requiresGrad]: readonly PickleItem[], error: MakeError): PickleItem | undefined {
  if (!(data instanceof RawTensor) || typeof requiresGrad !== 'boolean') return undefined;
  const { dtype, shape, strides, offset, storage, parameter } = data;
  const fields = { dtype, shape, strides, offset, storage, parameter, requiresGrad };
  const problem = geometryProblem(fields);
  if (problem !== undefined) throw error(problem);
  return new RawTensor(fields);
}

/** `_rebuild_from_type_v2(function, type, args, state)`: a tensor of a class of its own, which is a tensor here. */
function rebuildSubclass([callee, , args]: readonly PickleItem[], error: MakeError, call: Call): PickleItem | undefined {
  if (!(callee instanceof PyGlobal && args instanceof PyTuple)) throw error('a tensor of a class without its parts');
  // No tensor is made of a tensor made of a tensor …
  if (REBUILD.get(callee.path) === rebuildSubclass) return undefined;
  return call(callee, args.items);
}

const OLD_TENSOR = /^torch\.(cuda\.)?\w*Tensor$/;
const OLD_PARAMETER = /^torch\.(nn\.parameter\.Parameter|autograd\.variable\.Variable)$/;

/**
 * The tensor that an object's state makes of it, as PyTorch before 0.4 wrote it: `(storage, offset, size, stride)` of a tensor,
 * `(requires_grad, volatile, hooks)` of a parameter that was given its data, `(data, creator, hooks, requires_grad, volatile)` of one that was not.
 */
export function tensorOfState(object: PyObject, state: PickleItem, error: MakeError): RawTensor | undefined {
  const { path } = object.type;
  if (!(state instanceof PyTuple)) return undefined;
  const { items } = state;
  if (OLD_TENSOR.test(path) && items.length === 4 && (items[0] as PickleItem) instanceof StorageItem) {
    const storage = storageOf(items[0], error);
    return tensorOver(storage, storage.dtype, [...items.slice(1), false], error);
  }
  if (!OLD_PARAMETER.test(path)) return undefined;
  const [data, requiresGrad] = items.length === 5 ? [items[0], items[3]] : [object.args.items[0], items[0]];
  if (!(data instanceof RawTensor) || typeof requiresGrad !== 'boolean') return undefined;
  return parameterOf(data, requiresGrad, error);
}

function integers(what: string, item: PickleItem | undefined, error: MakeError): readonly number[] {
  if (!(item instanceof PyTuple)) throw error(`${what} is ${describe(item ?? null)}; expected a tuple of ints`);
  for (const n of item.items) {
    if (typeof n !== 'number' || n < 0) throw error(`${what} contains ${describe(n)}; expected non-negative ints`);
  }
  return item.items as readonly number[];
}
