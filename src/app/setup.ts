/**
 * What the next run will do. The recipe's YAML text is the one truth: form, data and model choice are edits of it, and what they
 * show is read from it. The code that understands recipes is loaded when it is first needed, so that the page is there at once.
 */
import { computed, effect, type ReadonlySignal, type Signal, signal } from '@preact/signals';
import { httpFolder, mountPath, type Picked, type Places } from '../client/index.ts';
import { DataError } from '../core/index.ts';
import type { Change, Reading } from './recipe/index.ts';
import { startRecipe } from './recipe/start.ts';
import { type ShippedModel, shippedModels } from './shipped.ts';

export interface Setup {
  /** The recipe's YAML. */
  readonly recipe: Signal<string>;
  /** What the recipe says and what is wrong with it; undefined until the text has been read. */
  readonly reading: ReadonlySignal<Reading | undefined>;
  /** What was picked, for the worker to mount: `/picked/<name>` → source. */
  readonly places: ReadonlySignal<Places>;
  /** Changes values and leaves everything else in the text as it is, comments included. */
  edit(changes: readonly Change[]): Promise<void>;
  /** Makes a folder, archive or address readable for recipes; returns its path. */
  addPlace(picked: Picked): string;
  /** The shipped model that the recipe names. */
  readonly shipped: ReadonlySignal<ShippedModel | undefined>;
  /** Fine-tunes a shipped model on the sample set, as on the first visit. */
  useShipped(model: ShippedModel): Promise<void>;
  /** The recipe as on the first visit. */
  reset(): Promise<void>;
  /** What a call of the worker needs, when everything that the recipe names is there to be mounted. */
  ready(): Promise<{ readonly recipe: string; readonly places: Places }>;
}

const key = 'ocelli-recipe';

export function openSetup(): Setup {
  const first = shippedModels[0];
  const initial = first?.recipe ?? startRecipe;
  const recipe = signal(localStorage.getItem(key) ?? initial);
  const reading = signal<Reading | undefined>(undefined);
  const places = signal<Places>({});
  const modelName = computed(() => reading.value?.get(['model', 'model_name']));
  const shipped = computed(() => shippedModels.find(({ name }) => modelName.value === mountPath(name)));

  effect(() => {
    const text = recipe.value;
    if (text === initial) localStorage.removeItem(key);
    else localStorage.setItem(key, text);
    void recipes().then(({ readRecipe }) => {
      if (recipe.peek() === text) reading.value = readRecipe(text);
    });
  });

  const addPlace = ({ name, source }: Picked): string => {
    const path = mountPath(name);
    places.value = { ...places.value, [path]: source };
    return path;
  };
  const mountShipped = async (model: ShippedModel): Promise<void> => {
    if (places.value[mountPath(model.name)]) return;
    const { source } = await httpFolder(new URL(`models/${model.name}/`, document.baseURI).href);
    addPlace({ name: model.name, source });
  };
  // A recipe that was kept may name a model that comes with the page.
  effect(() => {
    if (shipped.value) mountShipped(shipped.value).catch(() => undefined);
  });
  const useShipped = async (model: ShippedModel): Promise<void> => {
    await mountShipped(model);
    recipe.value = model.recipe;
  };
  return {
    recipe,
    reading,
    places,
    shipped,
    addPlace,
    useShipped,
    async edit(changes) {
      const { changeRecipe } = await recipes();
      recipe.value = changeRecipe(recipe.peek(), changes);
    },
    async ready() {
      const { readRecipe } = await recipes();
      const name = readRecipe(recipe.peek()).get(['model', 'model_name']);
      const model = shippedModels.find((candidate) => name === mountPath(candidate.name));
      if (model) await mountShipped(model);
      requirePicked(readRecipe(recipe.peek()), places.peek());
      // What was picked and is not named any more need not be read.
      const named = Object.entries(places.peek()).filter(([path]) => recipe.peek().includes(path));
      return { recipe: recipe.peek(), places: Object.fromEntries(named) };
    },
    async reset() {
      if (first) await useShipped(first);
      else recipe.value = initial;
    },
  };
}

/** Folders that were picked hold as long as the page is open: a recipe that was kept may name one from before. */
function requirePicked(reading: Reading, places: Places): void {
  for (const key of ['train_data_path', 'val_data_path', 'test_data_path']) {
    const [path, name] = /^\/picked\/([^/]+)/.exec(String(reading.get(['data', key]) ?? '')) ?? [];
    if (path === undefined || places[path]) continue;
    throw new DataError({
      code: 'picked_before',
      expected: `the folder or archive “${name}” (data.${key})`,
      received: 'none: what was picked before the page was loaded is not open any more',
      fix: `choose “${name}” again in the view Data, or other data`,
    });
  }
}

const recipes = (): Promise<typeof import('./recipe/index.ts')> => import('./recipe/index.ts');
