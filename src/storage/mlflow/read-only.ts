/** What is said where something would write into a registered model: runs make versions, nobody changes one. */
import { ConfigError } from '../../core/index.ts';

export const readOnly = (location: string): ConfigError =>
  new ConfigError({
    code: 'place_read_only',
    expected: 'a place that can be written',
    received: location,
    fix: 'write to a folder or a volume; a run registers its model by mlflow.registered_model_name',
  });
