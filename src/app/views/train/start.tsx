/** Before a run: what will be trained on what, seen at a glance, and the button. */
import { useSignalEffect } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useEffect } from 'preact/hooks';
import { counted } from '../../../core/index.ts';
import { shownSamples } from '../../described.ts';
import { Button } from '../../design/button.tsx';
import { Icon, type IconName } from '../../design/icon.tsx';
import { NoticeBox } from '../../design/notice-list.tsx';
import { DataPicture } from '../../design/picture.tsx';
import { bytesOf, lengthOf } from '../../format.ts';
import { wordsOf } from '../../notices.ts';
import { goTo, linkTo } from '../../route.ts';
import { useApp } from '../../state.ts';
import { RecentRuns } from './recent-runs.tsx';
import './start.css';

export function Start() {
  const { live, setup, data, notices } = useApp();
  useSignalEffect(() => {
    if (setup.reading.value && setup.places.value) void data.want();
  });
  // The charts of the run: loaded now, while nothing else is to do; a chart asks again for what did not come.
  useEffect(() => {
    const timer = setTimeout(() => void import('../../design/echarts.ts').catch(() => undefined), 1500);
    return () => clearTimeout(timer);
  }, []);
  const reading = setup.reading.value;
  const problems = reading?.problems ?? [];
  // From the text: it is there before it has been understood.
  const ready = setup.recipe.value.includes('sample:');
  return (
    <>
      <section class="hero">
        <div class="hero-words">
          <h1>Fine-tune a vision model, here in this tab</h1>
          <p>
            Pictures and model stay on this device. {ready ? 'Sample pictures and a model' : 'Data and model'}{' '}
            are chosen already: press Train, watch it learn, download what came out.
          </p>
          <div class="row">
            <Button
              kind="primary"
              size="large"
              icon="play"
              disabled={problems.length > 0}
              onClick={() => {
                notices.dismiss('detector');
                void live.start();
              }}
            >
              Train
            </Button>
            <span class="soft small">{reading?.recipe ? lengthOf(reading.recipe) : ' '}</span>
          </div>
          {problems.length > 0 ? (
            <NoticeBox
              notice={{
                tone: 'error',
                title: 'The recipe has to be mended first',
                details: problems.map(({ line, text }) => `Line ${line}: ${text}`),
                actions: [{ label: 'Open the recipe', run: () => goTo('recipe') }],
              }}
            />
          ) : undefined}
        </div>
        <Samples />
      </section>
      <div class="choices">
        <DataChoice />
        <ModelChoice />
        <RecipeChoice />
      </div>
      <RecentRuns />
    </>
  );
}

/** Eight pictures of the data; their room is there from the start. */
function Samples() {
  const { data, setup } = useApp();
  const { status, description, samples, error } = data.now.value;
  // What stands below a picture takes room: the text is there before it has been understood.
  const [, written] = /^\s*task_type:\s*(\w+)/m.exec(setup.recipe.value) ?? [];
  const task = setup.reading.value?.recipe?.model.task_type ?? written;
  const failed = status === 'failed';
  const pictures = (
    <div class="hero-samples" aria-busy={!failed && status !== 'ready'}>
      {Array.from({ length: shownSamples }, (_, i) => {
        const image = samples[i];
        return (
          <DataPicture
            key={i}
            image={image}
            classes={description?.classes}
            boxed={task !== 'classification'}
          />
        );
      })}
    </div>
  );
  if (!failed) return pictures;
  const openData = { label: 'Open the data', run: () => goTo('data') };
  return (
    <div class="hero-failed">
      {pictures}
      <NoticeBox notice={{ tone: 'error', ...wordsOf(error), actions: [openData] }} />
    </div>
  );
}

function ChoiceCard({
  icon,
  title,
  view,
  value,
  children,
}: {
  readonly icon: IconName;
  readonly title: string;
  readonly view: string;
  readonly value: ComponentChildren;
  readonly children?: ComponentChildren;
}) {
  return (
    <a class="choice-card" href={linkTo(view)}>
      <span class="choice-icon">
        <Icon name={icon} size={20} />
      </span>
      <span class="soft small">{title}</span>
      <span class="choice-change">Change</span>
      <span class="choice-words">
        <strong>{value}</strong>
        <span class="soft small">{children}</span>
      </span>
    </a>
  );
}

function DataChoice() {
  const { data, setup } = useApp();
  const { description } = data.now.value;
  const place = setup.reading.value?.recipe?.data.train_data_path;
  const train = description?.splits.train;
  return (
    <ChoiceCard icon="pictures" title="Data" view="data" value={place ? placeName(place) : ' '}>
      {train ? `${counted(train.images, 'picture')}, ${description.classes.join(', ')}` : ' '}
    </ChoiceCard>
  );
}

function ModelChoice() {
  const { setup } = useApp();
  const model = setup.reading.value?.recipe?.model;
  const shipped = setup.shipped.value;
  const kind = typeof model?.config.model_type === 'string' ? model.config.model_type : 'model';
  return (
    <ChoiceCard icon="model" title="Model" view="model" value={shipped?.title ?? model?.model_name ?? ' '}>
      {shipped
        ? `comes with this page, ${bytesOf(shipped.bytes)}`
        : model
          ? model.pretrained
            ? 'pretrained'
            : `${kind}, from random weights`
          : ' '}
    </ChoiceCard>
  );
}

function RecipeChoice() {
  const { setup } = useApp();
  const recipe = setup.reading.value?.recipe;
  return (
    <ChoiceCard
      icon="recipe"
      title="Recipe"
      view="recipe"
      value={recipe ? capital(recipe.model.task_type.replaceAll('_', ' ')) : ' '}
    >
      {recipe ? `batches of ${recipe.data.batch_size}, learning rate ${recipe.training.learning_rate}` : ' '}
    </ChoiceCard>
  );
}

const capital = (text: string): string => text[0]!.toUpperCase() + text.slice(1);

function placeName(place: string): string {
  if (place.startsWith('sample:')) return 'Sample shapes';
  return place.replace(/^\/picked\//, '').replace(/\/+$/, '') || place;
}
