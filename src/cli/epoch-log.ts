/** The log of a run: an epoch a line, as JSON for programs and as a table for spreadsheets. */
import { appendFileSync, writeFileSync } from 'node:fs';
import type { TrainingProcesses } from '../train/processes.ts';
import type { EpochResult, TrainerCallback } from '../train/trainer.ts';
import type { RunFolder } from './run-folder.ts';

const COLUMNS = ['epoch', 'trainLoss', 'validLoss', 'accuracy', 'top5', 'lr', 'seconds'] as const;

/** @param goesOn - whether the run has lines of before; processes: whose times are told */
export function epochLog(
  { log, table }: Pick<RunFolder, 'log' | 'table'>,
  goesOn: boolean,
  processes?: TrainingProcesses,
): TrainerCallback {
  if (!goesOn) {
    writeFileSync(log, '');
    writeFileSync(table, `${COLUMNS.join(',')}\n`);
  }
  return {
    onEpoch(result: EpochResult) {
      const ranks = processes === undefined ? {} : { ranks: processes.times.ranks };
      appendFileSync(log, `${JSON.stringify({ ...result, time: new Date().toISOString(), ...ranks })}\n`);
      appendFileSync(table, `${COLUMNS.map((name) => (Number.isNaN(result[name]) ? '' : result[name])).join(',')}\n`);
    },
  };
}
