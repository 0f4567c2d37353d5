/** One key of the recipe as a control. Empty means: the default counts, and stands there in grey. */
import type { ComponentChildren } from 'preact';
import { Field } from '../../design/field.tsx';
import type { FieldSpec } from '../../recipe/index.ts';
import { useApp } from '../../state.ts';

type Recipes = typeof import('../../recipe/index.ts');

export function RecipeField({ field, recipes }: { readonly field: FieldSpec; readonly recipes: Recipes }) {
  const { setup } = useApp();
  const { path, label, help, control, fallback, required } = field;
  const reading = setup.reading.value;
  const value = reading?.get(path);
  const problem = reading?.problems.find(({ path: at }) => path.every((key, i) => at[i] === key));
  const error = problem?.text.replace(new RegExp(`^${path.join('\\.')}(\\.[\\w.]+)?: `), '');
  const set = (next: unknown): void => void setup.edit([{ path, value: next }]);
  const shownFallback = recipes.writeValue(fallback);
  const unreadable = reading?.problems.some(({ path: at }) => at.length === 0);
  return (
    <Field
      label={label}
      help={withCode(help)}
      error={error && sentence(error)}
      note={required ? 'required' : undefined}
    >
      {(bound) => {
        const usual = { ...bound, disabled: unreadable, class: 'input', name: path.join('.') };
        switch (control.kind) {
          case 'switch':
            return (
              <input
                {...usual}
                class="switch"
                type="checkbox"
                checked={Boolean(value ?? fallback)}
                onChange={({ currentTarget }) => set(currentTarget.checked)}
              />
            );
          case 'select': {
            const written = recipes.writeValue(value);
            const options =
              written === '' || control.options.includes(written)
                ? control.options
                : [...control.options, written];
            return (
              <select
                {...usual}
                value={written}
                onChange={({ currentTarget }) =>
                  set(currentTarget.value === '' ? undefined : currentTarget.value)
                }
              >
                {required ? undefined : (
                  <option value="">
                    {shownFallback === '' ? 'by default' : `${shownFallback} (default)`}
                  </option>
                )}
                {options.map((option) => (
                  <option key={option} value={option}>
                    {option.replaceAll('_', ' ')}
                  </option>
                ))}
              </select>
            );
          }
          case 'number':
            return (
              <input
                {...usual}
                type="text"
                inputMode={control.whole ? 'numeric' : 'decimal'}
                autocomplete="off"
                value={recipes.writeValue(value)}
                placeholder={shownFallback || 'not set'}
                onChange={({ currentTarget }) => set(typed(currentTarget.value, recipes))}
              />
            );
          default:
            return (
              <input
                {...usual}
                type="text"
                autocomplete="off"
                spellcheck={false}
                value={recipes.writeValue(value)}
                placeholder={shownFallback || 'not set'}
                onChange={({ currentTarget: { value: text } }) =>
                  set(control.kind === 'text' ? (text === '' ? undefined : text) : typed(text, recipes))
                }
              />
            );
        }
      }}
    </Field>
  );
}

/** An empty field is no value. */
function typed(text: string, recipes: Recipes): unknown {
  return text.trim() === '' ? undefined : recipes.readValue(text);
}

const sentence = (text: string): string => text[0]!.toUpperCase() + text.slice(1);

/** Names in backticks as code. */
function withCode(text: string): ComponentChildren {
  return text.split('`').map((part, i) => (i % 2 === 1 ? <code key={i}>{part}</code> : part));
}
