/** From which score on detections are shown. A classifier has none: all its scores are shown. */
import { Field } from '../design/field.tsx';
import { numberOf } from '../format.ts';

export function Threshold({ value, onChange }: { readonly value: number; onChange(value: number): void }) {
  return (
    <Field label="Threshold" note={numberOf(value)}>
      {(bound) => (
        <input
          {...bound}
          type="range"
          min={0.05}
          max={0.95}
          step={0.05}
          value={value}
          onInput={({ currentTarget }) => onChange(Number(currentTarget.value))}
        />
      )}
    </Field>
  );
}
