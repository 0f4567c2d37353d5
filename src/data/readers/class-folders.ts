/**
 * A folder per class: `cat/1.jpg`, `dog/deep/2.png`. Classes are the folders' names in ascending order of
 * their characters, numbered from 1, as `torchvision.datasets.ImageFolder` sorts them.
 */
import { counted, DataError } from '../../core/index.ts';
import type { RawDataset, RawImage } from '../raw.ts';
import { type Folder, isPicture } from './folder-of.ts';

export async function readClassFolders(folder: Folder, signal?: AbortSignal): Promise<RawDataset> {
  const byClass = new Map<string, string[]>();
  const loose: string[] = [];
  for await (const { path } of folder.list(signal)) {
    if (!isPicture(path) || path.split('/').some((part) => part.startsWith('.'))) continue;
    const slash = path.indexOf('/');
    if (slash < 0) loose.push(path);
    else {
      const name = path.slice(0, slash);
      const paths = byClass.get(name);
      if (paths) paths.push(path);
      else byClass.set(name, [path]);
    }
  }
  if (loose.length > 0) throw looseImages(folder.place, loose, byClass.size);
  const names = [...byClass.keys()].sort();
  const images: RawImage[] = [];
  for (const [position, name] of names.entries()) {
    for (const fileName of byClass.get(name)!) {
      images.push({
        id: images.length + 1,
        fileName,
        height: 0,
        width: 0,
        annotations: [],
        categoryIds: [position + 1],
      });
    }
  }
  return {
    source: folder.place,
    format: 'folder',
    categories: names.map((name, position) => ({ id: position + 1, name })),
    images,
    hasBoxes: false,
    open: (fileName) => folder.open(fileName),
  };
}

function looseImages(place: string, loose: readonly string[], classes: number): DataError {
  return new DataError({
    code: 'images_without_class_folder',
    expected: `every image of ${place} in the folder of its class, or a COCO annotation file`,
    received: `${counted(loose.length, 'image')} directly in it (${loose.slice(0, 3).join(', ')}) beside ${counted(classes, 'class folder')}`,
    fix: 'move them into class folders, or name the annotation file (data.train_annotation_file and its like)',
  });
}
