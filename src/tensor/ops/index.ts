/** All operations: their attributes by name, and their rules. The compiler finds an operation without a rule. */
import { compareRules, type CompareAttrs } from './binary-compare.ts';
import { scalarRules, type ScalarOpAttrs } from './binary-scalar.ts';
import { binaryRules, type BinaryAttrs } from './binary.ts';
import { convRules, type ConvAttrs } from './conv.ts';
import { copyRules, type CopyAttrs } from './copy.ts';
import { selectRules, type SelectAttrs } from './elementwise-select.ts';
import { indexingRules, type IndexingAttrs } from './indexing.ts';
import { lossRules, type LossAttrs } from './loss.ts';
import { matmulRules, type MatmulAttrs } from './matmul.ts';
import { normRules, type NormAttrs } from './norm.ts';
import { optimizerUpdateRules, type OptimizerUpdateAttrs } from './optimizer-update.ts';
import { optimizerRules, type OptimizerAttrs } from './optimizer.ts';
import { poolRules, type PoolAttrs } from './pool.ts';
import { reduceRules, type ReduceAttrs } from './reduce.ts';
import { resampleRules, type ResampleAttrs } from './resample.ts';
import type { FormulaRules, OpRules } from './rule.ts';
import { softmaxRules, type SoftmaxAttrs } from './softmax.ts';
import { activationRules, type ActivationAttrs } from './unary-activation.ts';
import { unaryRules, type UnaryAttrs } from './unary.ts';

/** Operations that are a formula and nothing else: every device computes them as it computes formulas. */
export interface FormulaAttrs
  extends
    BinaryAttrs,
    CompareAttrs,
    ScalarOpAttrs,
    SelectAttrs,
    UnaryAttrs,
    ActivationAttrs,
    OptimizerAttrs,
    OptimizerUpdateAttrs {}

/** Operations that every device has a lowering for, or a reason why not. */
export interface LoweredAttrs
  extends
    CopyAttrs,
    ReduceAttrs,
    MatmulAttrs,
    ConvAttrs,
    PoolAttrs,
    ResampleAttrs,
    NormAttrs,
    SoftmaxAttrs,
    LossAttrs,
    IndexingAttrs {}

export interface OpAttrs extends FormulaAttrs, LoweredAttrs {}

export type OpName = keyof OpAttrs;

const formulaRules: FormulaRules<FormulaAttrs> = {
  ...binaryRules,
  ...compareRules,
  ...scalarRules,
  ...selectRules,
  ...unaryRules,
  ...activationRules,
  ...optimizerRules,
  ...optimizerUpdateRules,
};

export const RULES: OpRules<OpAttrs> = {
  ...formulaRules,
  ...copyRules,
  ...reduceRules,
  ...matmulRules,
  ...convRules,
  ...poolRules,
  ...resampleRules,
  ...normRules,
  ...softmaxRules,
  ...lossRules,
  ...indexingRules,
};
