/**
 * Batch normalisation of [batch, channels, size]. Statistics and the sums of gradients are reductions (`reduce.ts`); what stands here finishes the
 * statistics, one thread for each channel, and walks the elements.
 */
import type { Epilogue } from '../formula/epilogue.ts';
import { epilogueOperands, epilogueText } from './epilogue.ts';
import { wgslKernel, type WgslArg, type WgslLaunch, type WgslOperand } from './kernel.ts';
import type { ReduceSpec, ReduceWalk } from './reduce.ts';
import { WALK_GROUP, walkGroups, walkText } from './walk.ts';

export interface NormSizes {
  readonly batch: number;
  readonly channels: number;
  readonly size: number;
}

const floats = (...names: readonly string[]): WgslOperand[] => names.map((name) => ({ name, dtype: 'float32' }));
const u32 = (...names: readonly string[]) => names.map((name) => ({ name, type: 'u32' as const }));
const f32 = (...names: readonly string[]) => names.map((name) => ({ name, type: 'f32' as const }));

/** Over all of a channel; inputs are as large as the tensor (`full`), or have an element for each channel. */
export function channelWalk({ batch, channels, size }: NormSizes, full: readonly boolean[]): ReduceWalk {
  return {
    kept: [{ size: channels, steps: full.map((is) => (is ? size : 1)) }],
    reduced: [
      { size: batch, steps: full.map((is) => (is ? channels * size : 0)) },
      { size, steps: full.map((is) => (is ? 1 : 0)) },
    ],
  };
}

/** A variance becomes 1/√(variance + ε), and running statistics move on: [variance, mean, invStd, runningMean?, runningVar?]. */
export function statisticsLaunch(sizes: NormSizes, eps: number, running: boolean, momentum: WgslArg): WgslLaunch {
  const operands = floats('v', 'mean', 'inv', ...(running ? ['rm', 'rv'] : []));
  const n = sizes.batch * sizes.size;
  const move = `rm_put(i, rm_at(i) + p.momentum * (mean_at(i) - rm_at(i)));
  rv_put(i, rv_at(i) + p.momentum * (v * p.unbias - rv_at(i)));`;
  const kernel = wgslKernel(`norm:statistics${running ? '+running' : ''}`, () => ({
    operands,
    params: [...u32('n'), ...f32('eps', 'momentum', 'unbias')],
    workgroup: WALK_GROUP,
    body: `fn element(i: u32) { let v = v_at(i); inv_put(i, 1f / sqrt(v + p.eps)); ${running ? move : ''} } ${walkText(operands)}`,
  }));
  const args = [sizes.channels, eps, momentum, n / Math.max(n - 1, 1)];
  return { kernel, args, groups: walkGroups(operands, sizes.channels) };
}

export interface NormParts {
  readonly weight: boolean;
  readonly bias: boolean;
  /** Whether the spread that is given is a variance, and not 1/√(variance + ε). */
  readonly variance: boolean;
}

const spread = (variance: boolean): string => (variance ? '(1f / sqrt(inv_at(c) + p.eps))' : 'inv_at(c)');
const partsKey = ({ weight, bias, variance }: NormParts): string => `${weight ? 'w' : ''}${bias ? 'b' : ''}${variance ? 'v' : ''}`;

/** [x, mean, spread, weight?, bias?, residual?, y]: y = (x − mean)·invStd·weight + bias, and what follows */
export function normalizeLaunch(
  { batch, channels, size }: NormSizes,
  parts: NormParts,
  eps: number,
  epilogue: Epilogue = 'none',
): WgslLaunch {
  const own = ['x', 'mean', 'inv', ...(parts.weight ? ['w'] : []), ...(parts.bias ? ['b'] : [])];
  const operands = [...floats(...own), ...epilogueOperands(epilogue), ...floats('y')];
  const kernel = wgslKernel(`norm:normalize${partsKey(parts)}|${epilogue}`, () => ({
    operands,
    params: [...u32('n', 'channels', 'size'), ...f32('eps')],
    workgroup: WALK_GROUP,
    body: `${epilogueText(epilogue)}
fn element(i: u32) { let c = (i / p.size) % p.channels; let s = ${spread(parts.variance)}${parts.weight ? ' * w_at(c)' : ''};
  y_put(i, finish_((x_at(i) - mean_at(c)) * s${parts.bias ? ' + b_at(c)' : ''}, i, c)); }
${walkText(operands)}`,
  }));
  const n = batch * channels * size;
  return { kernel, args: [n, channels, size, eps], groups: walkGroups(operands, n) };
}

/** [mean, variance, weight?, bias?, table]: scale and shift of each channel, [channels, 2], such that y = x·scale + shift with fixed statistics. */
export function affineLaunch(channels: number, parts: Omit<NormParts, 'variance'>, eps: number): WgslLaunch {
  const operands = floats('mean', 'inv', ...(parts.weight ? ['w'] : []), ...(parts.bias ? ['b'] : []), 'table');
  const kernel = wgslKernel(`norm:affine${partsKey({ ...parts, variance: true })}`, () => ({
    operands,
    params: [...u32('n'), ...f32('eps')],
    workgroup: WALK_GROUP,
    body: `fn element(c: u32) { let s = ${spread(true)}${parts.weight ? ' * w_at(c)' : ''};
  table_put(2u * c, s); table_put(2u * c + 1u, ${parts.bias ? 'b_at(c)' : '0f'} - mean_at(c) * s); }
${walkText(operands)}`,
  }));
  return { kernel, args: [channels, eps], groups: walkGroups(operands, channels) };
}

/** Σ g over a channel, and Σ g·(x − mean)·invStd: reductions of [g] and of [g, x, mean, spread]. */
export const biasGradSpec: ReduceSpec = {
  name: 'norm:dBias', inputs: ['float32'], output: 'float32', acc: 'f32', identity: '0f', map: 'x0', combine: 'a + b', finish: 'a',
}; // prettier-ignore
export const weightGradSpec = (variance: boolean, eps: number): ReduceSpec => ({
  name: `norm:dWeight${variance ? 'v' : ''}`,
  inputs: ['float32', 'float32', 'float32', 'float32'],
  output: 'float32',
  acc: 'f32',
  identity: '0f',
  map: `x0 * (x1 - x2) ${variance ? '/ sqrt(x3 + p.eps)' : '* x3'}`,
  combine: 'a + b',
  finish: 'a',
  params: [{ name: 'eps', type: 'f32' }],
  args: [eps],
});

/**
 * [g, x, mean, spread, dBias, dWeight, weight?, dx] of a training step, where the statistics depend on x:
 * ∂x = weight·invStd·(g − dBias/n − x̂·dWeight/n); of fixed statistics (`variance`), [g, spread, weight?, dx]: ∂x = weight·invStd·g.
 */
export function normGradLaunch({ batch, channels, size }: NormSizes, parts: NormParts, eps: number): WgslLaunch {
  const weight = parts.weight ? ['w'] : [];
  const operands = floats(...(parts.variance ? ['g', 'inv'] : ['g', 'x', 'mean', 'inv', 'db', 'dw']), ...weight, 'dx');
  const value = parts.variance ? 'g_at(i)' : 'g_at(i) - (db_at(c) + (x_at(i) - mean_at(c)) * s * dw_at(c)) * p.each';
  const kernel = wgslKernel(`norm:grad${partsKey(parts)}`, () => ({
    operands,
    params: [...u32('n', 'channels', 'size'), ...f32('eps', 'each')],
    workgroup: WALK_GROUP,
    body: `fn element(i: u32) { let c = (i / p.size) % p.channels; let s = ${spread(parts.variance)};
  dx_put(i, (${value}) * s${parts.weight ? ' * w_at(c)' : ''}); }
${walkText(operands)}`,
  }));
  const n = batch * channels * size;
  return { kernel, args: [n, channels, size, eps, 1 / (batch * size)], groups: walkGroups(operands, n) };
}
