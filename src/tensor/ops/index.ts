/**
 * All operations: their attributes by name, and the rules of those that every program has. The rules of the others come with their families
 * (`tensor/families`), when a module that needs one is imported; the compiler finds an operation that no family has.
 */
import { compareRules, type CompareAttrs } from './binary-compare.ts';
import { scalarRules, type ScalarOpAttrs } from './binary-scalar.ts';
import { binaryRules, type BinaryAttrs } from './binary.ts';
import type { AllConvAttrs } from './conv.ts';
import type { BlendAttrs } from './blend.ts';
import { copyRules, type CopyAttrs } from './copy.ts';
import { selectRules, type SelectAttrs } from './elementwise-select.ts';
import type { FindingAttrs } from './finding.ts';
import type { HostCallAttrs } from './host-call.ts';
import type { HyperbolicAttrs } from './hyperbolic.ts';
import type { ShiftAttrs } from './shifts.ts';
import type { SpecialAttrs } from './special.ts';
import type { AllIndexingAttrs } from './indexing.ts';
import type { LossAttrs } from './loss.ts';
import { matmulRules, type MatmulAttrs } from './matmul.ts';
import type { LineNormAttrs } from './norm-lines.ts';
import type { NormAttrs } from './norm.ts';
import type { OptimizerUpdateAttrs } from './optimizer-update.ts';
import type { OptimizerAttrs } from './optimizer.ts';
import type { PoolAttrs } from './pool.ts';
import type { MathematicsAttrs } from './mathematics.ts';
import { reduceRules, type ExtremeGradAttrs, type ReduceAttrs, type ReductionAttrs } from './reduce.ts';
import type { ResampleAttrs } from './resample.ts';
import type { OpRules } from './rule.ts';
import type { ScanAttrs } from './scans.ts';
import { softmaxRules, type SoftmaxAttrs, type SoftmaxGradAttrs } from './softmax.ts';
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
    MathematicsAttrs,
    ActivationAttrs,
    HyperbolicAttrs,
    ShiftAttrs,
    SpecialAttrs,
    OptimizerAttrs,
    OptimizerUpdateAttrs {}

/** Operations that every device has a lowering for, or a reason why not. */
export interface LoweredAttrs
  extends
    CopyAttrs,
    ReduceAttrs,
    ReductionAttrs,
    ExtremeGradAttrs,
    MatmulAttrs,
    AllConvAttrs,
    PoolAttrs,
    ResampleAttrs,
    BlendAttrs,
    NormAttrs,
    LineNormAttrs,
    SoftmaxAttrs,
    SoftmaxGradAttrs,
    LossAttrs,
    ScanAttrs,
    FindingAttrs,
    HostCallAttrs,
    AllIndexingAttrs {}

export interface OpAttrs extends FormulaAttrs, LoweredAttrs {}

export type OpName = keyof OpAttrs;

const coreFormulas = {
  ...binaryRules,
  ...compareRules,
  ...scalarRules,
  ...selectRules,
  ...unaryRules,
  ...activationRules,
};

const coreRules = {
  ...copyRules,
  ...reduceRules,
  ...matmulRules,
  ...softmaxRules,
};

/** What is there without any family. */
export type CoreFormula = keyof typeof coreFormulas;
export type CoreOp = keyof typeof coreRules;

/** The rules of what is there: of all operations only once all families are. Ask with `ruleOf` (`graph-op.ts`), which says what is missing. */
export const RULES = { ...coreFormulas, ...coreRules } as OpRules<OpAttrs>;
