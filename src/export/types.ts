/** What the files of this room hand to each other. */
import type { readTensors } from '../models/index.ts';

/** Weights by name, as `readTensors` gives them. */
export type SavedTensors = Awaited<ReturnType<typeof readTensors>>;
