/** The model to begin with: one that comes with the page, a folder, one of the Hugging Face hub, an earlier run, or random weights. */
import { useState } from 'preact/hooks';
import { dropped, mountPath, type Picked, pickedFiles, pickFolder } from '../../../client/index.ts';
import { Button, ButtonLink } from '../../design/button.tsx';
import { Card, Facts, ViewHead } from '../../design/card.tsx';
import { DropZone, FileButton } from '../../design/drop-zone.tsx';
import { Field } from '../../design/field.tsx';
import { NoticeBox } from '../../design/notice-list.tsx';
import { bytesOf, metricName, metricOf } from '../../format.ts';
import { hubAddress, publicHub } from '../../hub-choice.ts';
import { wordsOf } from '../../notices.ts';
import { startOf } from '../../results/runs.ts';
import { linkTo } from '../../route.ts';
import { shippedModels } from '../../shipped.ts';
import { useApp } from '../../state.ts';
import {
  chooseModel,
  chooseNamedModel,
  chooseShipped,
  randomDetector,
  suggestions,
  usePickedModel,
  useRandomDetector,
} from './choose.ts';
import './model.css';

export function View() {
  return (
    <>
      <ViewHead
        title="Model"
        lead="What training begins with. A pretrained model needs fewer pictures and less time than random weights."
      />
      <div class="stack">
        <Chosen />
        <div class="grid model-sources">
          <div class="stack">
            <Shipped />
            <Hub />
          </div>
          <div class="stack">
            <Folder />
            <EarlierRuns />
          </div>
        </div>
      </div>
    </>
  );
}

function Chosen() {
  const { setup } = useApp();
  const reading = setup.reading.value;
  const model = reading?.recipe?.model;
  const shipped = setup.shipped.value;
  return (
    <Card
      title="Chosen"
      actions={
        <ButtonLink size="small" href={linkTo('recipe')}>
          Edit its settings
        </ButtonLink>
      }
    >
      <Facts
        rows={[
          ['Model', shipped?.title ?? (model ? <code key="name">{model.model_name}</code> : ' ')],
          ['Task', model?.task_type.replaceAll('_', ' ') ?? ' '],
          [
            'Weights',
            model ? (model.pretrained ? 'pretrained; new classes get new rows in the head' : 'random') : ' ',
          ],
          [
            'Picture size',
            model ? (model.image_size === null ? 'as the model has it' : String(model.image_size)) : ' ',
          ],
        ]}
      />
    </Card>
  );
}

/** A thing to choose, with the button that chooses it. */
function Option({
  title,
  text,
  chosen,
  onChoose,
}: {
  readonly title: string;
  readonly text: string;
  readonly chosen: boolean;
  onChoose(): void;
}) {
  return (
    <li class="model-option">
      <div>
        <strong>{title}</strong>
        <p class="soft small">{text}</p>
      </div>
      {chosen ? (
        <span class="badge">chosen</span>
      ) : (
        <Button size="small" onClick={onChoose}>
          Choose<span class="visually-hidden"> {title}</span>
        </Button>
      )}
    </li>
  );
}

function useChosenName(): unknown {
  return useApp().setup.reading.value?.get(['model', 'model_name']);
}

function Shipped() {
  const app = useApp();
  const { setup, notices } = app;
  const task = setup.reading.value?.recipe?.model.task_type;
  const pretrained = setup.reading.value?.recipe?.model.pretrained ?? true;
  const name = useChosenName();
  return (
    <Card title="Comes with this page" lead="Nothing to download from anywhere else">
      <ul class="plain stack">
        {shippedModels.map((model) => (
          <Option
            key={model.name}
            title={model.title}
            text={`${model.summary} (${bytesOf(model.bytes)})`}
            chosen={pretrained && name === mountPath(model.name)}
            onChoose={() => {
              void chooseShipped(app, model).catch((error: unknown) => notices.report(error));
            }}
          />
        ))}
        {task === 'detection' ? (
          <Option
            title="Small YOLOS with random weights"
            text="Needs no download and shows how detection is trained; from nothing it takes hours until boxes fit"
            chosen={!pretrained && name === randomDetector}
            onChoose={() => void useRandomDetector(app).catch((error: unknown) => notices.report(error))}
          />
        ) : undefined}
        <Option
          title="Random weights"
          text="The same architecture, from nothing: to see what pretraining is worth"
          chosen={!pretrained && name !== randomDetector}
          onChoose={() => void setup.edit([{ path: ['model', 'pretrained'], value: false }])}
        />
      </ul>
    </Card>
  );
}

function EarlierRuns() {
  const app = useApp();
  const name = useChosenName();
  const finished = app.runs.value.filter(({ status }) => status === 'finished').slice(0, 6);
  return (
    <Card title="An earlier run" lead="Goes on learning from what came out of it">
      {finished.length === 0 ? (
        <p class="soft small">Runs that finish in this browser appear here.</p>
      ) : (
        <ul class="plain stack">
          {finished.map((record) => {
            const { run, name: runName, task, metrics } = record;
            const metric = ['val_map', 'val_accuracy'].find((key) => metrics[key] !== undefined);
            return (
              <Option
                key={run}
                title={runName}
                text={`${task}${metric ? `, ${metricName(metric)} ${metricOf(metric, metrics[metric]!)}` : ''}, ${startOf(record)}`}
                chosen={name === run}
                onChoose={() => void chooseModel(app, run, task)}
              />
            );
          })}
        </ul>
      )}
    </Card>
  );
}

function Hub() {
  const app = useApp();
  const name = useChosenName();
  const [id, setId] = useState('');
  const [asking, setAsking] = useState<string>();
  const [problem, setProblem] = useState<unknown>();
  const task = app.setup.reading.value?.recipe?.model.task_type;
  const choose = async (wanted: string): Promise<void> => {
    setAsking(wanted);
    setProblem(undefined);
    try {
      await chooseNamedModel(app, wanted);
    } catch (error) {
      setProblem(error);
    } finally {
      setAsking(undefined);
    }
  };
  return (
    <Card title="Hugging Face hub" lead="Downloaded once, then kept in this browser">
      <div class="stack">
        <ul class="plain stack">
          {suggestions
            .filter((suggestion) => suggestion.task === task)
            .map((suggestion) => (
              <Option
                key={suggestion.id}
                title={suggestion.id}
                text={suggestion.text}
                chosen={name === suggestion.id}
                onChoose={() => void choose(suggestion.id)}
              />
            ))}
        </ul>
        <form
          class="field-with-button"
          onSubmit={(event) => {
            event.preventDefault();
            if (id.trim() !== '') void choose(id.trim());
          }}
        >
          <Field
            label="Another model"
            help={`owner/name of a ViT, ResNet, DETR or YOLOS checkpoint${app.gateway.value?.info.mlflow ? ', or models:/name@alias of the MLflow registry' : ''}`}
          >
            {(bound) => (
              <input
                {...bound}
                class="input"
                placeholder="owner/name"
                autocomplete="off"
                spellcheck={false}
                value={id}
                onInput={({ currentTarget }) => setId(currentTarget.value)}
              />
            )}
          </Field>
          <Button type="submit" disabled={asking !== undefined}>
            {asking === undefined ? 'Choose' : 'Asking…'}
          </Button>
        </form>
        <div role="alert">
          {problem === undefined ? undefined : (
            <NoticeBox
              notice={{ tone: 'error', ...wordsOf(problem) }}
              onDismiss={() => setProblem(undefined)}
            />
          )}
        </div>
        <HubServer />
      </div>
    </Card>
  );
}

/** Companies often have a mirror, and pages without the open net need one. */
function HubServer() {
  const { hub, notices } = useApp();
  const [wrong, setWrong] = useState<string>();
  const [address, setAddress] = useState(hub.value === publicHub ? '' : hub.value);
  return (
    <details class="model-server" open={hub.value !== publicHub}>
      <summary>Another server with the hub’s layout</summary>
      <form
        class="field-with-button"
        onSubmit={(event) => {
          event.preventDefault();
          const wanted = hubAddress(address);
          setWrong(wanted === undefined ? `write it in full, such as ${publicHub}` : undefined);
          if (wanted === undefined) return;
          hub.value = wanted;
          notices.toast(`Models come from ${wanted} now`);
        }}
      >
        <Field
          label="Address of the server"
          error={wrong}
          help="As HF_ENDPOINT on the command line; empty for the hub itself"
        >
          {(bound) => (
            <input
              {...bound}
              class="input"
              inputMode="url"
              autocomplete="off"
              spellcheck={false}
              placeholder={publicHub}
              value={address}
              onInput={({ currentTarget }) => setAddress(currentTarget.value)}
            />
          )}
        </Field>
        <Button type="submit">Use</Button>
      </form>
    </details>
  );
}

function Folder() {
  const app = useApp();
  const [problem, setProblem] = useState<unknown>();
  const take = async (work: Promise<Picked | undefined>): Promise<void> => {
    setProblem(undefined);
    try {
      const picked = await work;
      if (picked) await usePickedModel(app, picked);
    } catch (error) {
      if (!(error instanceof DOMException && error.name === 'AbortError')) setProblem(error);
    }
  };
  return (
    <Card title="A folder of yours" lead="config.json and model.safetensors, as transformers saves them">
      <DropZone
        title="Drop a model folder or a zip archive here"
        onDrop={(transfer) => void take(dropped(transfer))}
      >
        {'showDirectoryPicker' in window ? (
          <Button icon="folder" onClick={() => void take(pickFolder())}>
            Choose a folder
          </Button>
        ) : (
          <FileButton
            icon="folder"
            folder
            onFiles={(files) => void take(Promise.resolve(pickedFiles(files)))}
          >
            Choose a folder
          </FileButton>
        )}
        <FileButton
          icon="archive"
          accept=".zip,application/zip"
          onFiles={(files) => void take(Promise.resolve(pickedFiles(files)))}
        >
          Choose a zip
        </FileButton>
      </DropZone>
      <div role="alert" class="model-problem">
        {problem === undefined ? undefined : (
          <NoticeBox
            notice={{ tone: 'error', ...wordsOf(problem) }}
            onDismiss={() => setProblem(undefined)}
          />
        )}
      </div>
    </Card>
  );
}
