/** Writes another model into the recipe. */
import type { App } from '../../state.ts';

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

export async function chooseModel({ setup, notices }: App, name: string, task?: string): Promise<void> {
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
  notices.toast(`${name} is the model now`);
}
