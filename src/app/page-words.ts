/**
 * Errors in the words of a page. What the house throws helps people at a command line: options, environment variables,
 * other commands. A page has none of them. Where its own remedy is another one, that stands here by the error's code; and
 * what is left of an error that was written for a command line is said without the parts that only work there.
 */
import type { OcelliError } from '../core/index.ts';

interface PageWords {
  readonly fix: string;
  /** What was expected, where that names a variable. */
  readonly expected?: string;
  readonly received?: string;
}

const gatewayHelps =
  'a page keeps no keys: download the data and choose its folder, or open this page from a gateway that offers the place (docs/gateway.md)';
const keysMissing = {
  expected: 'access to this place',
  received: 'a page without keys for it',
  fix: gatewayHelps,
};
const registryHelps =
  'ask whoever runs the gateway of this page whether its MLflow server has the model and lets it be read, or download the model and choose its folder';
const exportAgain = 'export the model again in the view Export, or choose another model';

const words: Readonly<Record<string, PageWords>> = {
  // The run and its device.
  device_lost: {
    fix: 'resume the run from its last checkpoint; if it happens again, close other tabs that use the graphics card, update its driver, lower data.batch_size, or choose WebAssembly in the view Device',
  },
  device_error: { fix: 'choose WebAssembly in the view Device, and report this message' },
  unknown_device: { fix: 'choose one of them in the view Device' },
  no_adapter: {
    fix: 'let the page choose in the view Device, or use a current Chrome, Edge, Firefox or Safari with hardware acceleration switched on; chrome://gpu says why WebGPU is off',
  },
  model_too_large: {
    fix: 'choose a smaller model or smaller images (model.image_size), freeze a part of the model (model.freeze), use an optimiser with fewer moments (training.optimizer: sgd), or run the same recipe on a server with a larger device',
  },
  out_of_memory: {
    fix: 'lower data.batch_size and raise training.accumulate_grad_batches by as much (same training, less memory), use smaller images (model.image_size) or a smaller model, or close other tabs',
  },
  disk_full: {
    fix: 'remove old runs in the view Runs, clear caches in the view Device, or free space on the disk (the browser’s quota is a share of it); what was written before is intact, and a run with a checkpoint can be resumed',
  },
  interrupted: { fix: 'resume the run from its checkpoint' },
  resume_needs_folder: { fix: 'choose a run in the view Runs' },
  not_a_run: { fix: 'choose a run in the view Runs, or start a new one: this one’s files are gone' },
  run_folder_taken: {
    fix: 'resume that run in the view Runs, or give this one another name (mlflow.run_name)',
  },
  // Data.
  category_unknown: { fix: 'add the categories to the annotation file, or correct the annotations' },
  coco_inconsistent: { fix: 'correct the annotation file and choose the data again' },
  shards_invalid: { fix: 'pack the data set again, or choose its pictures and annotations instead' },
  shards_onto_themselves: { fix: 'choose another folder for the packed data set' },
  table_columns: { fix: 'name the columns so, or choose annotations as COCO' },
  too_many_files: { fix: 'choose the folder of the data set itself, or a part of it' },
  // Models.
  model_not_found: { fix: 'choose another model, or correct model.model_name' },
  model_file_missing: { fix: exportAgain },
  onnx_inputs_unknown: { fix: exportAgain },
  onnx_output_type: { fix: exportAgain },
  onnx_unreadable: { fix: exportAgain },
  onnx_too_large: { fix: 'choose half precision, or download the Hugging Face folder with its safetensors' },
  unknown_export_format: { fix: 'choose one of the formats in the view Export' },
  export_folder_missing: { expected: 'a folder to write the model to', fix: 'choose one in the view Export' },
  read_while_traced: { fix: 'choose WebAssembly in the view Device, and report this message' },
  // The hub.
  hub_unreachable: {
    fix: 'check the connection, or choose a model that comes with the page or lies in a folder; one that was downloaded before loads without a connection',
  },
  hub_refused: {
    fix: 'check the name. Private and gated models are not open to a page: download the model’s folder on the hub’s site and choose that',
  },
  hub_offline: {
    expected: 'the model in this browser’s cache',
    fix: 'connect to the hub once, or choose the model’s folder',
  },
  hub_interrupted: { fix: 'start again: the download goes on where it stopped' },
  hub_file_missing: { fix: 'choose a repository that has it, or the model’s folder' },
  // Places that need keys, and the gateway that has them.
  credentials_missing: keysMissing,
  databricks_credentials_missing: keysMissing,
  databricks_host_invalid: keysMissing,
  databricks_profile_unknown: keysMissing,
  databricks_auth_unsupported: keysMissing,
  databricks_sign_in_refused: { fix: gatewayHelps },
  databricks_token_endpoint_invalid: { fix: gatewayHelps },
  databricks_unavailable: { fix: 'check the connection, and try again' },
  two_credentials: { fix: gatewayHelps, received: 'two at once' },
  endpoint_invalid: { expected: 'the address of the server that has this place', fix: gatewayHelps },
  access_denied: { fix: gatewayHelps },
  place_invalid: { fix: `correct the place in the recipe; ${gatewayHelps}` },
  answer_invalid: { fix: `check the place in the recipe; ${gatewayHelps}` },
  gateway_missing: {
    fix: 'ask whoever runs the gateway of this page to start it again, and reload the page',
  },
  volume_not_offered: { fix: 'choose one of them, or ask whoever runs the gateway to offer this one' },
  cache_size_invalid: { expected: 'a size of the cache like 50GB or 800MB', fix: 'report this message' },
  // Models of an MLflow registry.
  registry_uri_missing: {
    expected: 'an MLflow server for a model that is named models:/…',
    received: 'a page that knows none',
    fix: 'open this page from a gateway that knows an MLflow server (docs/gateway.md), or choose the model’s folder in the view Model',
  },
  mlflow_unreachable: { fix: registryHelps },
  mlflow_answer_invalid: { fix: registryHelps },
  mlflow_sign_in_refused: { fix: registryHelps },
  model_files_refused: { fix: registryHelps },
  // MLflow.
  artifact_store_unreachable: { fix: 'ask whoever runs the MLflow server to let it pass on artifacts' },
  tracking_uri_invalid: {
    fix: 'give the address of an MLflow server in mlflow.tracking_uri, or leave it out',
  },
  tracking_uri_missing: {
    received: 'none in the recipe (mlflow.tracking_uri)',
    fix: 'open the page from a gateway that knows an MLflow server',
  },
};

/** Options, commands and variables: what only a command line has. */
const ofCommandLines =
  /(?:^|[\s`('‘])--[a-z]|\bocelli (?:bench|data|deploy|doctor|eval|export|gateway|init|predict|push|train|tune)\b|\b(?!MLFLOW\b)[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+\b|\bnp[mx]\b|\bcommand line\b|\bin the environment\b/;

export function speaksOfCommandLine(text: string): boolean {
  return ofCommandLines.test(text);
}

/** What to do, on a page; without a full stop. */
export function fixOnPage({ code, hint }: { readonly code: string; readonly hint: string }): string {
  return words[code]?.fix ?? withoutCommands(hint);
}

/** Expected, received and what to do. */
export function wordsOnPage(error: OcelliError): { expected: string; received: string; fix: string } {
  const { code, expected, received } = error;
  const known = words[code];
  return {
    expected: known?.expected ?? expected,
    received: (known?.received ?? received).replace(/\.+$/, ''),
    fix: fixOnPage(error),
  };
}

/** A warning of a run; the command that it may name is a button here. */
export function warningOnPage(message: string): string {
  return message.replace(/: ocelli push \S+$/, ': send it again in the view Export');
}

/** The parts of a sentence that work on a page. */
function withoutCommands(text: string): string {
  if (!speaksOfCommandLine(text)) return text;
  const parts = text
    .replace(/ \([^()]*\)/g, (aside) => (speaksOfCommandLine(aside) ? '' : aside))
    .split(/(; |, or |, and |, )/);
  let kept = '';
  for (let i = 0; i < parts.length; i += 2) {
    const part = parts[i]!;
    if (speaksOfCommandLine(part)) continue;
    kept += kept === '' ? part.replace(/^(?:or|and) /, '') : `${parts[i - 1]}${part}`;
  }
  return kept || 'reload the page and try again; report this message if it comes back';
}
