/** All families: what the entry `flambeau` imports, and where the compiler finds an operation that no family provides. */
import { mention } from '../family.ts';
import type { CoreFormula, CoreOp, OpName } from '../ops/index.ts';
import { activation } from './activation.ts';
import { adam } from './adam.ts';
import { blend } from './blend.ts';
import { classLoss } from './class-loss.ts';
import { conv } from './conv.ts';
import { finding } from './finding.ts';
import { gradients } from './gradients.ts';
import { hostCalls } from './host-calls.ts';
import { hyperbolic } from './hyperbolic.ts';
import { indexCheck } from './index-check.ts';
import { indexing } from './indexing.ts';
import { joinAt } from './join-at.ts';
import { lineNorm } from './line-norm.ts';
import { mathematics } from './mathematics.ts';
import { maxPool } from './max-pool.ts';
import { norm } from './norm.ts';
import { optimizerUpdate } from './optimizer-update.ts';
import { pairLoss } from './pair-loss.ts';
import { reductions } from './reductions.ts';
import { regionPool } from './region-pool.ts';
import { resample } from './resample.ts';
import { running } from './running.ts';
import { sgd } from './sgd.ts';
import { shifts } from './shifts.ts';
import { special } from './special.ts';
import './draws.ts';
import './joining.ts';
import './linear-algebra.ts';
import './matrices.ts';
import './special-host.ts';
import './order.ts';
import './picking.ts';
import './placed.ts';
import './pointwise.ts';
import './printing.ts';
import './rearrange.ts';
import './scans.ts';
import './scatter.ts';
import './sets.ts';
import './special-methods.ts';
import './statistics.ts';
import './training.ts';

/** A statement, so that no bundler leaves a family out. The compiler names here an operation that none of them provides. */
mention<{ readonly [K in Exclude<OpName, CoreFormula | CoreOp>]: K }>({
  ...activation,
  ...adam,
  ...blend,
  ...classLoss,
  ...conv,
  ...finding,
  ...hostCalls,
  ...gradients,
  ...hyperbolic,
  ...indexCheck,
  ...indexing,
  ...joinAt,
  ...lineNorm,
  ...mathematics,
  ...maxPool,
  ...norm,
  ...optimizerUpdate,
  ...pairLoss,
  ...reductions,
  ...regionPool,
  ...resample,
  ...running,
  ...sgd,
  ...shifts,
  ...special,
});
