/** The form side: sections of the schema, what is usual first, the rest folded. */
import { useEffect, useState } from 'preact/hooks';
import { Card } from '../../design/card.tsx';
import { useApp } from '../../state.ts';
import { RecipeField } from './recipe-field.tsx';

type Recipes = typeof import('../../recipe/index.ts');
type Section = ReturnType<Recipes['formSections']>[number];

/** Derived once: the schema does not change. */
let known: { readonly sections: readonly Section[]; readonly recipes: Recipes } | undefined;

export function RecipeForm({
  onPlace,
}: {
  onPlace(place: { readonly line: number; readonly column: number }): void;
}) {
  const [ready, setReady] = useState(known);
  useEffect(() => {
    if (ready) return;
    void import('../../recipe/index.ts').then((recipes) => {
      known ??= { sections: recipes.formSections(), recipes };
      setReady(known);
    });
  }, [ready]);
  if (!ready) return <div class="view-waiting" aria-busy="true" />;
  return (
    <form class="stack" onSubmit={(event) => event.preventDefault()}>
      {ready.sections.map((section) => (
        <FormSection key={section.name} section={section} recipes={ready.recipes} onPlace={onPlace} />
      ))}
    </form>
  );
}

function FormSection({
  section,
  recipes,
  onPlace,
}: {
  readonly section: Section;
  readonly recipes: Recipes;
  onPlace(place: { readonly line: number; readonly column: number }): void;
}) {
  const { setup } = useApp();
  const problems = setup.reading.value?.problems ?? [];
  const own = section.groups.map(({ fields }) => fields);
  const hasProblem = (fields: Section['common']): boolean =>
    fields.some(({ path }) => problems.some((problem) => isBelow(problem.path, path)));
  const changed = (fields: Section['common']): number =>
    fields.filter(({ path }) => setup.reading.value?.get(path) !== undefined).length;
  const unknown = problems.filter(
    ({ path }) =>
      path[0] === section.name &&
      ![...section.common, ...own.flat()].some((field) => isBelow(path, field.path)) &&
      path.length > 1,
  );
  return (
    <Card title={section.title}>
      {unknown.map((problem) => (
        <p key={problem.text} class="field-error">
          {problem.text}{' '}
          <button type="button" class="link-button" onClick={() => onPlace(problem)}>
            Show line {problem.line}
          </button>
        </p>
      ))}
      <div class="form-fields">
        {section.common.map((field) => (
          <RecipeField key={field.path.join('.')} field={field} recipes={recipes} />
        ))}
      </div>
      {section.groups.map(({ title, fields }) => (
        <details key={title} class="form-more" open={hasProblem(fields)}>
          <summary>
            {title}
            {changed(fields) > 0 ? <span class="soft small"> · {changed(fields)} set</span> : undefined}
          </summary>
          <div class="form-fields">
            {fields.map((field) => (
              <RecipeField key={field.path.join('.')} field={field} recipes={recipes} />
            ))}
          </div>
        </details>
      ))}
    </Card>
  );
}

export function isBelow(path: readonly (string | number)[], above: readonly (string | number)[]): boolean {
  return above.every((key, i) => path[i] === key);
}
