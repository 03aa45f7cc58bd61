/** Schedules along a cosine (Loshchilov & Hutter 2017). */
import { COUNT, FINITE, kind, requireKind } from '../base/arguments.ts';
import { readCall } from '../base/signature.ts';
import { forbidWhileRecording } from '../tensor/recorder.ts';
import { schedulerSignature, SettingsScheduler, type OptimizerOrAll, type Rest } from './scheduler.ts';

export interface CosineAnnealingLROptions {
  /** Steps down to the least rate (PyTorch: `T_max`). */
  readonly tMax: number;
  /** The least rate. Default 0. */
  readonly etaMin?: number;
}
const COSINE = schedulerSignature<CosineAnnealingLROptions>(
  'CosineAnnealingLR',
  { tMax: COUNT, etaMin: FINITE },
  { required: 1, example: 'CosineAnnealingLR(optimizer, 50)' },
);

/** Half a cosine down in `tMax` steps, and up again (https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.CosineAnnealingLR.html). */
export class CosineAnnealingLR extends SettingsScheduler<Required<CosineAnnealingLROptions>> {
  constructor(
    optimizer: OptimizerOrAll<CosineAnnealingLROptions>,
    tMax?: number | Rest<CosineAnnealingLROptions>,
    etaMin?: number | Rest<CosineAnnealingLROptions>,
    lastEpoch?: number | Rest<CosineAnnealingLROptions>,
  );
  constructor(...args: readonly unknown[]) {
    const { optimizer, lastEpoch, tMax, etaMin = 0 } = readCall(COSINE, args);
    super(optimizer, lastEpoch, { tMax, etaMin });
    this.begin();
  }

  protected override names(): { tMax: string; etaMin: string } {
    return { tMax: 'T_max', etaMin: 'eta_min' };
  }

  protected override rates(): number[] {
    const { tMax, etaMin } = this.settings;
    const { lastEpoch: step, baseLrs } = this;
    if (this.initial) return this.currentRates();
    if (this.stepCount === 1 && step > 0)
      return baseLrs.map((lr) => etaMin + ((lr - etaMin) * (1 + Math.cos((step * Math.PI) / tMax))) / 2);
    if ((step - 1 - tMax) % (2 * tMax) === 0) {
      return this.currentRates().map((lr, i) => lr + ((baseLrs[i]! - etaMin) * (1 - Math.cos(Math.PI / tMax))) / 2);
    }
    const decay = (1 + Math.cos((Math.PI * step) / tMax)) / (1 + Math.cos((Math.PI * (step - 1)) / tMax));
    return this.currentRates().map((lr) => decay * (lr - etaMin) + etaMin);
  }

  protected override closedForm(): number[] {
    const { tMax, etaMin } = this.settings;
    return this.baseLrs.map((lr) => etaMin + ((lr - etaMin) * (1 + Math.cos((Math.PI * this.lastEpoch) / tMax))) / 2);
  }
}

export interface WarmRestartsOptions {
  /** Steps until the first restart (PyTorch: `T_0`). */
  readonly t0: number;
  /** What the number is multiplied by after every restart (`T_mult`). Default 1. */
  readonly tMult?: number;
  /** The least rate. Default 0. */
  readonly etaMin?: number;
}
const RESTARTS = schedulerSignature<WarmRestartsOptions>(
  'CosineAnnealingWarmRestarts',
  { t0: COUNT, tMult: COUNT, etaMin: FINITE },
  { required: 1, example: 'CosineAnnealingWarmRestarts(optimizer, 10, 2)' },
);
const EPOCH = kind('a number ≥ 0', (value) => Number.isFinite(value) && (value as number) >= 0);

interface RestartSettings extends Required<WarmRestartsOptions> {
  /** Steps in this cycle, and those done. */
  readonly tI: number;
  readonly tCur: number;
}

/** Half a cosine down, again and again (https://pytorch.org/docs/stable/generated/torch.optim.lr_scheduler.CosineAnnealingWarmRestarts.html). */
export class CosineAnnealingWarmRestarts extends SettingsScheduler<RestartSettings> {
  constructor(
    optimizer: OptimizerOrAll<WarmRestartsOptions>,
    t0?: number | Rest<WarmRestartsOptions>,
    tMult?: number | Rest<WarmRestartsOptions>,
    etaMin?: number | Rest<WarmRestartsOptions>,
    lastEpoch?: number | Rest<WarmRestartsOptions>,
  );
  constructor(...args: readonly unknown[]) {
    const { optimizer, lastEpoch = -1, t0, tMult = 1, etaMin = 0 } = readCall(RESTARTS, args);
    super(optimizer, lastEpoch, { t0, tI: t0, tMult, etaMin, tCur: lastEpoch });
    this.begin();
  }

  protected override names(): { t0: string; tI: string; tMult: string; etaMin: string; tCur: string } {
    return { t0: 'T_0', tI: 'T_i', tMult: 'T_mult', etaMin: 'eta_min', tCur: 'T_cur' };
  }

  /** @param epoch where to go, fractions of an epoch included; the next one where it is left out */
  override step(epoch?: number): void {
    forbidWhileRecording('step: a schedule counts in JavaScript', 'call scheduler.step() after the compiled function');
    if (epoch !== undefined) requireKind('CosineAnnealingWarmRestarts.step', 'the epoch', epoch, EPOCH);
    this.moveTo(epoch);
  }

  /** @internal */
  override moveTo(epoch?: number): void {
    const to = epoch ?? (this.lastEpoch < 0 ? 0 : undefined);
    this.settings = { ...this.settings, ...(to === undefined ? this.#next() : this.#at(to)) };
    this.lastEpoch = Math.floor(to ?? this.lastEpoch + 1);
    this.setRates(this.rates());
  }

  #next(): { tCur: number; tI: number } {
    const { tCur, tI, tMult } = this.settings;
    const next = tCur + 1;
    return next >= tI ? { tCur: next % tI, tI: tI * tMult } : { tCur: next, tI };
  }

  #at(epoch: number): { tCur: number; tI: number } {
    const { t0, tMult, tI } = this.settings;
    if (epoch < t0) return { tCur: epoch, tI: t0 };
    if (tMult === 1) return { tCur: epoch % t0, tI };
    const n = Math.trunc(Math.log((epoch / t0) * (tMult - 1) + 1) / Math.log(tMult));
    return { tCur: epoch - (t0 * (tMult ** n - 1)) / (tMult - 1), tI: t0 * tMult ** n };
  }

  protected override rates(): number[] {
    const { etaMin, tCur, tI } = this.settings;
    return this.baseLrs.map((lr) => etaMin + ((lr - etaMin) * (1 + Math.cos((Math.PI * tCur) / tI))) / 2);
  }
}
