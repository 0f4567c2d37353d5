/** Writes another model into the recipe. */
import { mountPath, type Picked } from '../../../client/index.ts';
import { CheckpointError } from '../../../core/index.ts';
import type { ShippedModel } from '../../shipped.ts';
import type { App } from '../../state.ts';
import { lookAtHubModel } from './hub.ts';
import { modelFolder } from './model-folder.ts';

/** Small enough for a browser tab; more are in docs/models.md. */
export const suggestions = [
  {
    id: 'microsoft/resnet-18',
    task: 'classification',
    text: 'ResNet, 47 MB: a good start for a few hundred pictures',
  },
  {
    id: 'WinKawaks/vit-tiny-patch16-224',
    task: 'classification',
    text: 'Vision transformer, 23 MB',
  },
  { id: 'hustvl/yolos-tiny', task: 'detection', text: 'A plain vision transformer that detects, 26 MB' },
  {
    id: 'facebook/detr-resnet-50',
    task: 'detection',
    text: 'DETR, 167 MB: for a real graphics card',
  },
] as const;

/** A hub id, or a model of the MLflow registry that the gateway or the recipe knows. */
export async function chooseNamedModel(app: App, name: string): Promise<void> {
  await (/^models:/i.test(name) ? chooseRegisteredModel(app, name) : chooseHubModel(app, name));
}

/** Asks first whether the server has it, as far as that can be asked without fetching it. */
async function chooseRegisteredModel(app: App, name: string): Promise<void> {
  const { gateway, setup } = app;
  const { pinModelReference } = await import('../../../storage/index.ts');
  const environment = gateway.value?.environment ?? {};
  const mlflow = setup.reading.peek()?.recipe?.mlflow;
  await pinModelReference(name, {
    environment: (variable) => environment[variable],
    server: { registryUri: mlflow?.registry_uri, trackingUri: mlflow?.tracking_uri },
  });
  await chooseModel(app, name);
}

/** Looks first whether it is there and can be trained. */
async function chooseHubModel(app: App, id: string): Promise<void> {
  const { hub, setup } = app;
  const task = await lookAtHubModel(hub.value, id);
  await chooseModel(app, id, task);
  const data = String(setup.reading.peek()?.get(['data', 'train_data_path']) ?? '');
  // Generated pictures are small: a detector's usual 500 pixels and more would only cost time.
  if (task === 'detection' && data.startsWith('sample:')) {
    await setup.edit([{ path: ['model', 'image_size'], value: 128 }]);
  }
}

export async function chooseModel(
  { setup, notices }: App,
  name: string,
  task?: string,
  title = name,
): Promise<void> {
  const reading = setup.reading.peek();
  const changesTask = task !== undefined && reading?.recipe?.model.task_type !== task;
  // What described another architecture does not fit this one.
  const left = ['pretrained', 'config', 'image_size'].filter(
    (key) => reading?.get(['model', key]) !== undefined,
  );
  await setup.edit([
    { path: ['model', 'model_name'], value: name },
    ...left.map((key) => ({ path: ['model', key], value: undefined })),
    ...(changesTask
      ? [
          { path: ['model', 'task_type'], value: task },
          { path: ['training', 'monitor_metric'], value: undefined },
        ]
      : []),
  ]);
  notices.toast(`${title} is the model now`);
}

/** With its own recipe where the data are the samples; data of one's own stay as they are. */
export async function chooseShipped(app: App, model: ShippedModel): Promise<void> {
  const { setup, notices } = app;
  const data = String(setup.reading.peek()?.get(['data', 'train_data_path']) ?? 'sample:');
  if (!data.startsWith('sample:')) return chooseModel(app, mountPath(model.name), model.task, model.title);
  await setup.useShipped(model);
  notices.toast(`${model.title}, with the recipe that goes with it`);
}

/**
 * A detector for those without a connection. It begins with random weights: after 18,000 pictures it still gives every picture the mean
 * box (mAP 0.07 on one shape per picture), which the page says.
 */
export const randomDetector = 'small-yolos';

export async function useRandomDetector({ setup, notices }: App): Promise<void> {
  await setup.edit([
    { path: ['model', 'model_name'], value: randomDetector },
    { path: ['model', 'pretrained'], value: false },
    { path: ['model', 'image_size'], value: 128 },
    {
      path: ['model', 'config'],
      value: {
        ...{ model_type: 'yolos', hidden_size: 96, num_hidden_layers: 4, num_attention_heads: 3 },
        ...{ intermediate_size: 192, image_size: [128, 128], patch_size: 16, num_detection_tokens: 20 },
        use_mid_position_embeddings: false,
      },
    },
    { path: ['training', 'learning_rate'], value: 5e-4 },
  ]);
  notices.toast('A small YOLOS with random weights is the model now');
}

/** A model folder that was picked, or an archive that holds one. */
export async function usePickedModel(app: App, picked: Picked): Promise<void> {
  const path = mountPath(picked.name);
  const files = await app.client.worker.listFiles(path, { [path]: picked.source });
  const found = modelFolder(files.map((file) => file.path));
  if ('missing' in found) {
    throw new CheckpointError({
      code: 'model_files_missing',
      expected: `config.json and model.safetensors in ${picked.name}`,
      received: found.missing,
      fix: 'choose the folder that transformers saved (save_pretrained), or the model folder of a run',
    });
  }
  app.setup.addPlace(picked);
  await chooseModel(app, found.folder);
}
