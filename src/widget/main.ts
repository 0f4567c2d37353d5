/** The script of a page: defines the element, and says where the worker's file lies beside it. */
import workerAddress from '../../workers/widget.worker.ts?worker&url';
import { defineOcelliPredict } from './index.ts';

export * from './index.ts';

defineOcelliPredict(workerAddress);
