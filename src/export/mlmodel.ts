/**
 * What MLflow needs to load the exported ONNX file by `mlflow.onnx.load_model` and `mlflow.pyfunc.load_model`:
 * the MLmodel file with its signature, and the environments to build for it. MLflow's own `log_model` writes
 * the same files; ids of a run and a server are added when the model is logged.
 *
 * MLflow's ONNX wrapper looks for MLmodel beside the file that `data` names, so it is written there as well.
 */
import { stringify } from 'yaml';
import { DataType, type OnnxModel, type OnnxValueInfo } from '../formats/onnx/index.ts';

export interface MlmodelFacts {
  /** The ONNX file's path in the model folder: `onnx/model.onnx`. */
  readonly path: string;
  readonly onnx: OnnxModel;
  /** Of all files of the model, where it is known. */
  readonly sizeBytes?: number;
  readonly created: Date;
  readonly uuid: string;
}

/** The versions that the interop tests run. */
const python = '3.11.2';
const requirements = ['mlflow==3.17.2', 'onnx==1.23.2', 'onnxruntime==1.31.1', 'numpy==2.4.6'];

export function mlflowFiles(facts: MlmodelFacts): Map<string, string> {
  const folder = facts.path.includes('/') ? facts.path.slice(0, facts.path.lastIndexOf('/') + 1) : '';
  const files = new Map([
    ['MLmodel', stringify(mlmodel(facts, facts.path))],
    ['conda.yaml', stringify(conda())],
    ['python_env.yaml', stringify(pythonEnvironment())],
    ['requirements.txt', `${requirements.join('\n')}\n`],
  ]);
  if (folder !== '')
    files.set(`${folder}MLmodel`, stringify(mlmodel(facts, facts.path.slice(folder.length))));
  return files;
}

function mlmodel({ onnx, sizeBytes, created, uuid }: MlmodelFacts, data: string): unknown {
  return {
    flavors: {
      onnx: {
        code: null,
        data,
        onnx_session_options: null,
        onnx_version: '1.23.2',
        providers: ['CPUExecutionProvider'],
      },
      python_function: {
        data,
        env: { conda: 'conda.yaml', virtualenv: 'python_env.yaml' },
        loader_module: 'mlflow.onnx',
        python_version: python,
      },
    },
    mlflow_version: '3.17.2',
    ...(sizeBytes === undefined ? {} : { model_size_bytes: sizeBytes }),
    model_uuid: uuid,
    signature: {
      inputs: JSON.stringify(onnx.graph.input.map(tensorSpec)),
      outputs: JSON.stringify(onnx.graph.output.map(tensorSpec)),
      params: null,
    },
    utc_time_created: created.toISOString().replace('T', ' ').replace('Z', '000'),
  };
}

/** MLflow's tensor schema; −1 is a dimension that varies. */
function tensorSpec({ name, type }: OnnxValueInfo): unknown {
  const dtype = type.tensorType.elemType === DataType.int64 ? 'int64' : 'float32';
  const shape = type.tensorType.shape.dim.map((dimension) =>
    'dimValue' in dimension ? dimension.dimValue : -1,
  );
  return { type: 'tensor', 'tensor-spec': { dtype, shape }, name };
}

const conda = (): unknown => ({
  channels: ['conda-forge'],
  dependencies: [`python=${python}`, 'pip', { pip: requirements }],
  name: 'mlflow-env',
});

const pythonEnvironment = (): unknown => ({
  python,
  build_dependencies: ['pip', 'setuptools', 'wheel'],
  dependencies: ['-r requirements.txt'],
});
