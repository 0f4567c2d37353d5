/** What the views of results ask of a run's record: which model it left, and whether it can go on. */
import type { RunRecord } from '../../client/index.ts';
import { goTo } from '../route.ts';
import type { App } from '../state.ts';

/** Where a model of this run lies: the best one of a finished run, else its newest checkpoint. */
export function modelOf({ run, status, checkpoint }: RunRecord): string | undefined {
  return status === 'finished' ? run : checkpoint;
}

export const canResume = ({ status, checkpoint }: RunRecord): boolean =>
  checkpoint !== undefined && ['interrupted', 'stopped', 'failed'].includes(status);

/** It ended before its first checkpoint, and not by an error: the same recipe can begin anew. */
export const canStartAgain = ({ status, checkpoint }: RunRecord): boolean =>
  checkpoint === undefined && ['interrupted', 'stopped'].includes(status);

/** `/runs/shapes-20260102-030405` → `shapes-20260102-030405`. */
export const folderName = (run: string): string => run.split('/').filter(Boolean).at(-1) ?? run;

/** `2 Jan, 03:04`. */
export const startOf = ({ startedAt }: RunRecord): string =>
  new Date(startedAt).toLocaleString('en', {
    day: 'numeric',
    month: 'short',
    hour: '2-digit',
    minute: '2-digit',
    hourCycle: 'h23',
  });

/** Name and start: names alone are often the same. */
export const titleOf = (record: RunRecord): string => `${record.name} · ${startOf(record)}`;

/** Goes on with a run, or begins it again; one whose data are not open here asks for them first. Call it from a click. */
export function goOnWith({ live }: App, record: RunRecord): void {
  if (record.dataMissing) {
    goTo('runs', { data: record.run });
    return;
  }
  goTo('train');
  void (canResume(record) ? live.resume(record.run) : live.startAgain(record.run));
}
