/**
 * The messages of ONNX files (https://github.com/onnx/onnx/blob/main/onnx/onnx.proto) as one table: every field that Flambeau reads or
 * writes, with its number and kind. Reader and writer (protobuf.ts) work from it, and the types of messages are derived from it, so the
 * three cannot differ. Fields that are not here (training, devices, quantisation notes) are skipped when reading.
 */

/** Numbers, texts and bytes; `int32` is also what enumerations are. Other kinds are messages. */
type Scalar = 'int32' | 'int64' | 'uint64' | 'float' | 'double' | 'string' | 'bytes';

export const MESSAGES = {
  Model: {
    irVersion: [1, 'int64'],
    producerName: [2, 'string'],
    producerVersion: [3, 'string'],
    domain: [4, 'string'],
    modelVersion: [5, 'int64'],
    docString: [6, 'string'],
    graph: [7, 'Graph'],
    opsetImport: [8, 'OperatorSet', 'repeated'],
    metadataProps: [14, 'Entry', 'repeated'],
    functions: [25, 'LocalFunction', 'repeated'],
  },
  OperatorSet: { domain: [1, 'string'], version: [2, 'int64'] },
  Entry: { key: [1, 'string'], value: [2, 'string'] },
  /** Of a function only its name matters: it is not supported. */
  LocalFunction: { name: [1, 'string'], domain: [10, 'string'] },
  Graph: {
    node: [1, 'Node', 'repeated'],
    name: [2, 'string'],
    initializer: [5, 'Tensor', 'repeated'],
    docString: [10, 'string'],
    input: [11, 'ValueInfo', 'repeated'],
    output: [12, 'ValueInfo', 'repeated'],
    sparseInitializer: [15, 'SparseTensor', 'repeated'],
  },
  Node: {
    input: [1, 'string', 'repeated'],
    output: [2, 'string', 'repeated'],
    name: [3, 'string'],
    opType: [4, 'string'],
    attribute: [5, 'Attribute', 'repeated'],
    docString: [6, 'string'],
    domain: [7, 'string'],
  },
  Attribute: {
    name: [1, 'string'],
    f: [2, 'float'],
    i: [3, 'int64'],
    s: [4, 'bytes'],
    t: [5, 'Tensor'],
    g: [6, 'Graph'],
    floats: [7, 'float', 'repeated'],
    ints: [8, 'int64', 'repeated'],
    strings: [9, 'bytes', 'repeated'],
    type: [20, 'int32'],
    refAttrName: [21, 'string'],
    sparseTensor: [22, 'SparseTensor'],
  },
  Tensor: {
    dims: [1, 'int64', 'repeated'],
    dataType: [2, 'int32'],
    segment: [3, 'bytes'],
    floatData: [4, 'float', 'repeated'],
    int32Data: [5, 'int32', 'repeated'],
    stringData: [6, 'bytes', 'repeated'],
    int64Data: [7, 'int64', 'repeated'],
    name: [8, 'string'],
    rawData: [9, 'bytes'],
    doubleData: [10, 'double', 'repeated'],
    uint64Data: [11, 'uint64', 'repeated'],
    externalData: [13, 'Entry', 'repeated'],
    dataLocation: [14, 'int32'],
  },
  /** Indices count all elements, or those of each dimension. */
  SparseTensor: { values: [1, 'Tensor'], indices: [2, 'Tensor'], dims: [3, 'int64', 'repeated'] },
  ValueInfo: { name: [1, 'string'], type: [2, 'Type'], docString: [3, 'string'] },
  /** A value that is no tensor has none of the first. */
  Type: { tensorType: [1, 'TensorType'] },
  TensorType: { elemType: [1, 'int32'], shape: [2, 'Shape'] },
  Shape: { dim: [1, 'Dimension', 'repeated'] },
  Dimension: { dimValue: [1, 'int64'], dimParam: [2, 'string'] },
} as const satisfies Record<string, Record<string, Field>>;

export type MessageName = keyof typeof MESSAGES;

/** Number, kind, and whether it may come several times. */
export type Field = readonly [number, string] | readonly [number, string, 'repeated'];

/** What a kind of field is in JavaScript. Whole numbers of 64 bits are exact. */
interface ScalarValue {
  readonly int32: number;
  readonly int64: bigint;
  readonly uint64: bigint;
  readonly float: number;
  readonly double: number;
  readonly string: string;
  readonly bytes: Uint8Array;
}

/** Several numbers are read as typed arrays. */
interface ScalarList {
  readonly int32: Int32Array;
  readonly int64: BigInt64Array;
  readonly uint64: BigInt64Array;
  readonly float: Float32Array;
  readonly double: Float64Array;
  readonly string: readonly string[];
  readonly bytes: readonly Uint8Array[];
}

type Decoded<F extends Field> = F extends readonly [number, infer K, 'repeated']
  ? K extends Scalar
    ? ScalarList[K]
    : K extends MessageName
      ? readonly Message<K>[]
      : never
  : F extends readonly [number, infer K]
    ? (K extends Scalar ? ScalarValue[K] : K extends MessageName ? Message<K> : never) | undefined
    : never;

/** A message as it was read: every field is there, undefined or empty where the file has none. */
export type Message<N extends MessageName> = {
  readonly [F in keyof (typeof MESSAGES)[N]]: (typeof MESSAGES)[N][F] extends Field ? Decoded<(typeof MESSAGES)[N][F]> : never;
};

type Encodable<F extends Field> = F extends readonly [number, infer K, 'repeated']
  ? K extends Scalar
    ? ArrayLike<ScalarValue[K]>
    : K extends MessageName
      ? readonly Draft<K>[]
      : never
  : F extends readonly [number, infer K]
    ? K extends Scalar
      ? ScalarValue[K]
      : K extends MessageName
        ? Draft<K>
        : never
    : never;

/** A message to be written; what is left out is not written. */
export type Draft<N extends MessageName> = {
  readonly [F in keyof (typeof MESSAGES)[N]]?:
    ((typeof MESSAGES)[N][F] extends Field ? Encodable<(typeof MESSAGES)[N][F]> : never) | undefined;
};
