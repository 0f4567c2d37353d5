/** Which run a view shows: it stands in the address (`?run=…`), so a reload shows the same. */
import { useRef } from 'preact/hooks';
import type { RunRecord } from '../../client/index.ts';
import { Field } from '../design/field.tsx';
import { goTo } from '../route.ts';
import { useApp } from '../state.ts';
import { titleOf } from './runs.ts';

/** The run of the address, else the newest that fits: a newer one does not take its place while it is looked at. */
export function useRun(fits: (record: RunRecord) => boolean): {
  readonly runs: readonly RunRecord[];
  readonly record: RunRecord | undefined;
} {
  const { route, runs } = useApp();
  const fitting = runs.value.filter(fits);
  const shown = useRef<string | undefined>(undefined);
  const asked = route.value.params.run ?? shown.current;
  const record = fitting.find(({ run }) => run === asked) ?? fitting[0];
  shown.current = record?.run;
  return { runs: fitting, record };
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
  const asked = route.value.params.run;
  const gone = asked !== undefined && asked !== record.run;
  return (
    <Field
      label={label}
      help={gone ? 'The run that was asked for is not in this browser any more.' : undefined}
    >
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
