/** A thread that decodes, augments and processes samples for the loader. */
import { serveThread } from '#platform';
import { createSamplesService } from '../src/data/index.ts';

serveThread(createSamplesService());
