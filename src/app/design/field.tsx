/** Fields of a form: label, help and error are bound to the control for screen readers. */
import type { ComponentChildren } from 'preact';
import { useId } from 'preact/hooks';
import './field.css';

export interface FieldProps {
  readonly label: ComponentChildren;
  readonly help?: ComponentChildren;
  readonly error?: string | undefined;
  /** Beside the label: a unit, a default. */
  readonly note?: ComponentChildren;
  /** Gets the attributes that bind it. */
  readonly children: (bound: {
    readonly id: string;
    readonly 'aria-describedby': string | undefined;
    readonly 'aria-invalid': 'true' | undefined;
  }) => ComponentChildren;
}

export function Field({ label, help, error, note, children }: FieldProps) {
  const id = useId();
  const described = [help ? `${id}-help` : '', error ? `${id}-error` : ''].filter((part) => part !== '');
  return (
    <div class={error ? 'field wrong' : 'field'}>
      <div class="field-label">
        <label for={id}>{label}</label>
        {note ? <span class="soft small">{note}</span> : undefined}
      </div>
      {children({
        id,
        'aria-describedby': described.length > 0 ? described.join(' ') : undefined,
        'aria-invalid': error ? 'true' : undefined,
      })}
      {error ? (
        <p class="field-error" id={`${id}-error`}>
          {error}
        </p>
      ) : undefined}
      {help ? (
        <p class="field-help" id={`${id}-help`}>
          {help}
        </p>
      ) : undefined}
    </div>
  );
}

/** One of a few, all of them seen at once. */
export function Choice<Value extends string>({
  legend,
  value,
  options,
  onChange,
}: {
  readonly legend: string;
  readonly value: Value | undefined;
  readonly options: readonly { readonly value: Value; readonly label: string }[];
  onChange(value: Value): void;
}) {
  const name = useId();
  return (
    <fieldset class="choice">
      <legend class="visually-hidden">{legend}</legend>
      {options.map((option) => (
        <label key={option.value}>
          <input
            type="radio"
            name={name}
            checked={option.value === value}
            onChange={() => onChange(option.value)}
          />
          <span>{option.label}</span>
        </label>
      ))}
    </fieldset>
  );
}
