/** The recipe, as a form and as YAML: two views of one text, side by side where there is room. */
import { useEffect, useState } from 'preact/hooks';
import { Button } from '../../design/button.tsx';
import { Card, ViewHead } from '../../design/card.tsx';
import { FileButton } from '../../design/drop-zone.tsx';
import { Icon } from '../../design/icon.tsx';
import { Tabs } from '../../design/tabs.tsx';
import { useMedia } from '../../design/use-media.ts';
import { download } from '../../download.ts';
import { countOf, lengthOf } from '../../format.ts';
import { goTo } from '../../route.ts';
import { useApp } from '../../state.ts';
import { RecipeForm } from './form.tsx';
import { YamlEditor } from './yaml-editor.tsx';
import './recipe.css';

export function View() {
  const { setup, notices, live } = useApp();
  const wide = useMedia('(min-width: 1180px)');
  const [side, setSide] = useState<'form' | 'yaml'>('form');
  const [line, setLine] = useState<{ readonly line: number; readonly column: number }>();
  const goToLine = (place: { readonly line: number; readonly column: number }): void => {
    setSide('yaml');
    setLine({ ...place });
  };
  /** What was written before is one click away. */
  const replace = async (title: string, work: () => void | Promise<void>): Promise<void> => {
    const before = setup.recipe.peek();
    try {
      await work();
    } catch (error) {
      return notices.report(error);
    }
    if (setup.recipe.peek() === before) return;
    const key = 'replaced';
    const undo = (): void => {
      setup.recipe.value = before;
      notices.dismiss(key);
    };
    notices.show({ key, tone: 'info', title, actions: [{ label: 'Bring the one before back', run: undo }] });
  };
  const form = <RecipeForm onPlace={goToLine} />;
  const editor = <YamlEditor place={line} />;
  return (
    <>
      <ViewHead
        title="Recipe"
        lead="Everything that decides a run, in one YAML text. The form changes that text and leaves your comments alone; the command line takes the same file."
      >
        <FileButton
          icon="folder"
          accept=".yaml,.yml,text/yaml"
          onFiles={([file]) => {
            void file?.text().then((text) => {
              void replace(`${file.name} is the recipe now`, () => {
                setup.recipe.value = text;
              });
            });
          }}
        >
          Open
        </FileButton>
        <Button
          icon="export"
          onClick={() =>
            download(new Blob([setup.recipe.value], { type: 'application/yaml' }), 'recipe.yaml')
          }
        >
          Save
        </Button>
        <Button
          icon="reset"
          onClick={() => void replace('The recipe is that of the first visit', () => setup.reset())}
        >
          Start over
        </Button>
        <Button
          kind="primary"
          icon="play"
          disabled={live.isActive || (setup.reading.value?.problems.length ?? 1) > 0}
          onClick={() => {
            goTo('train');
            void live.start();
          }}
        >
          Train
        </Button>
      </ViewHead>
      <RecipeState onPlace={goToLine} />
      {wide ? (
        <div class="recipe-sides">
          {form}
          <Card title="recipe.yaml" class="yaml-card">
            {editor}
          </Card>
        </div>
      ) : (
        <Tabs<'form' | 'yaml'>
          label="Recipe as"
          current={side}
          onChange={setSide}
          tabs={[
            { id: 'form', label: 'Form' },
            { id: 'yaml', label: 'YAML' },
          ]}
        >
          {side === 'form' ? form : editor}
        </Tabs>
      )}
    </>
  );
}

/** Whether a run can start, and everything that is wrong, with its line. */
function RecipeState({
  onPlace,
}: {
  onPlace(place: { readonly line: number; readonly column: number }): void;
}) {
  const { setup } = useApp();
  const reading = setup.reading.value;
  const problems = reading?.problems ?? [];
  const warnings = reading?.warnings ?? [];
  const [settled, setSettled] = useState('');
  const words =
    problems.length > 0
      ? `${problems.length} ${problems.length === 1 ? 'problem' : 'problems'}`
      : 'The recipe is valid';
  // Not with every letter that is typed.
  useEffect(() => {
    const timer = setTimeout(() => setSettled(words), 800);
    return () => clearTimeout(timer);
  }, [words]);
  return (
    <section
      class={problems.length > 0 ? 'recipe-state wrong' : 'recipe-state'}
      aria-label="State of the recipe"
    >
      <p class="recipe-words">
        <Icon name={problems.length > 0 ? 'error' : 'check'} />
        {reading ? words : ' '}
      </p>
      <span class="visually-hidden" role="status">
        {settled}
      </span>
      {reading?.recipe && warnings.length === 0 ? (
        <p class="soft">
          {reading.recipe.model.task_type.replaceAll('_', ' ')}, {lengthOf(reading.recipe)} in batches of{' '}
          {countOf(reading.recipe.data.batch_size)}
        </p>
      ) : undefined}
      <ul class="plain">
        {problems.map((problem) => (
          <li key={`${problem.line}:${problem.text}`}>
            <button type="button" class="link-button" onClick={() => onPlace(problem)}>
              Line {problem.line}
            </button>{' '}
            {problem.text}
          </li>
        ))}
        {warnings.map((text) => (
          <li key={text} class="soft">
            {text}
          </li>
        ))}
      </ul>
    </section>
  );
}
