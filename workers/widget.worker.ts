/** The worker that all widgets of a page share: it holds onnxruntime and the models. */
import { serveWidget } from '../src/widget/worker/index.ts';

serveWidget();
