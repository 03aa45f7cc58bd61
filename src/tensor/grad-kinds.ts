/** What functions of gradients take. */
import { arrayOf, either, kind } from '../base/arguments.ts';
import { isTensor } from './is-tensor.ts';

export const TENSOR = kind('a tensor', (value) => isTensor(value));
export const TENSORS = arrayOf(TENSOR, 'tensors');
export const ONE_OR_MORE = either(TENSOR, TENSORS);
const TENSOR_OR_NONE = kind('a tensor, null or undefined', (value) => value === null || value === undefined || isTensor(value));
/** Gradients, of which any may be left out. */
export const TENSORS_OR_NONE = arrayOf(TENSOR_OR_NONE, 'tensors, null or undefined');
