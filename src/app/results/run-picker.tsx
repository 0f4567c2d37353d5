/** Which run a view shows: it stands in the address (`?run=…`), so a reload shows the same. */
import type { RunRecord } from '../../client/index.ts';
import { Field } from '../design/field.tsx';
import { goTo } from '../route.ts';
import { useApp } from '../state.ts';
import { titleOf } from './runs.ts';

/** The run of the address, else the newest that fits. */
export function useRun(fits: (record: RunRecord) => boolean): {
  readonly runs: readonly RunRecord[];
  readonly record: RunRecord | undefined;
} {
  const { route, runs } = useApp();
  const fitting = runs.value.filter(fits);
  const asked = route.value.params.run;
  return { runs: fitting, record: fitting.find(({ run }) => run === asked) ?? fitting[0] };
}

export function RunPicker({
  runs,
  record,
  label = 'Run',
}: {
  readonly runs: readonly RunRecord[];
  readonly record: RunRecord;
  readonly label?: string;
}) {
  const { route } = useApp();
  return (
    <Field label={label}>
      {(bound) => (
        <select
          {...bound}
          class="input"
          value={record.run}
          onChange={({ currentTarget: { value } }) => goTo(route.value.view, { run: value })}
        >
          {runs.map((row) => (
            <option key={row.run} value={row.run}>
              {titleOf(row)}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}
