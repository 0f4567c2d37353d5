/** What a model can be asked to do; the recipe's `model.task_type` after aliases are resolved. */
export const taskNames = [
  'classification',
  'detection',
  'semantic_segmentation',
  'instance_segmentation',
  'panoptic_segmentation',
  'keypoint_detection',
] as const;

export type TaskName = (typeof taskNames)[number];
