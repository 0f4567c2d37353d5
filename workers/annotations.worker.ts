/** A thread that reads one large annotation file. */
import { serveThread } from '#platform';
import { createAnnotationsService } from '../src/data/index.ts';

serveThread(createAnnotationsService());
