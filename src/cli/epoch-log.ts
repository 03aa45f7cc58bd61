/** The log of a run: an epoch a line, as JSON for programs and as a table for spreadsheets. */
import { appendFileSync, writeFileSync } from 'node:fs';
import type { EpochResult, TrainerCallback } from '../train/trainer.ts';
import type { RunFolder } from './run-folder.ts';

const COLUMNS = ['epoch', 'trainLoss', 'validLoss', 'accuracy', 'top5', 'lr', 'seconds'] as const;

/** @param goesOn - whether the run has lines of before */
export function epochLog({ log, table }: Pick<RunFolder, 'log' | 'table'>, goesOn: boolean): TrainerCallback {
  if (!goesOn) {
    writeFileSync(log, '');
    writeFileSync(table, `${COLUMNS.join(',')}\n`);
  }
  return {
    onEpoch(result: EpochResult) {
      appendFileSync(log, `${JSON.stringify({ ...result, time: new Date().toISOString() })}\n`);
      appendFileSync(table, `${COLUMNS.map((name) => (Number.isNaN(result[name]) ? '' : result[name])).join(',')}\n`);
    },
  };
}
