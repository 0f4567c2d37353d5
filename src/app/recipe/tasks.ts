/**
 * Tasks that can be trained: a recipe may name others, which come later. The page loads nothing of src/tasks, where tensors
 * are needed; a test holds both lists together.
 */
import type { TaskName } from '../../core/index.ts';

export const trainableTasks: readonly TaskName[] = ['classification', 'detection'];
