/** What DETR and its kin expect of a picture, as Hugging Face writes it into `preprocessor_config.json`. */
import type { ProcessorConfig } from './types.ts';

/** @param type the family's own class, which decides details such as the pixel mask: `DetrImageProcessor` */
export function detectionProcessor(type: string): ProcessorConfig {
  return {
    image_processor_type: type,
    format: 'coco_detection',
    do_resize: true,
    size: { shortest_edge: 800, longest_edge: 1333 },
    resample: 2,
    do_rescale: true,
    rescale_factor: 1 / 255,
    do_normalize: true,
    image_mean: [0.485, 0.456, 0.406],
    image_std: [0.229, 0.224, 0.225],
    do_pad: true,
  };
}
