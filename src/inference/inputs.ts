/**
 * Pictures as people name them on a command line: files, folders (searched through) and globs. The list is
 * sorted and free of doubles; something that names nothing is an error, not an empty result.
 */
import picomatch from 'picomatch';
import { files, localPath } from '#platform';
import { DataError } from '../core/index.ts';

const pictureEndings = /\.(jpe?g|png|webp|gif|tiff?|avif|bmp)$/i;

export async function findPictures(inputs: readonly string[]): Promise<string[]> {
  const found = new Set<string>();
  const problems: string[] = [];
  for (const input of inputs) {
    const pictures = await picturesOf(localPath(input));
    if (pictures.length === 0) problems.push(`${input}: no picture there`);
    for (const picture of pictures) found.add(picture);
  }
  if (problems.length > 0 || inputs.length === 0) {
    throw new DataError({
      code: 'pictures_missing',
      expected: 'pictures: files, folders with pictures, or globs such as "photos/*.jpg"',
      received: inputs.length === 0 ? 'nothing' : 'names without pictures',
      fix: 'correct the paths; quote a glob so that the shell leaves it alone',
      problems,
    });
  }
  return [...found].sort();
}

async function picturesOf(input: string): Promise<string[]> {
  const entry = await files.stat(input);
  // A file that was named is taken whatever its ending: its bytes decide.
  if (entry && !entry.isDirectory) return [input];
  if (entry) return (await below(input)).filter((path) => pictureEndings.test(path));
  const { base, isGlob } = picomatch.scan(input);
  if (!isGlob) return [];
  const folder = base === '' ? '.' : base;
  if (!(await files.stat(folder))?.isDirectory) return [];
  const matches = picomatch(input.replace(/^\.\//, ''));
  return (await below(folder)).map((path) => path.replace(/^\.\//, '')).filter((path) => matches(path));
}

/** All files below a folder. A link that leads back up is not followed: it would come by again without end. */
async function below(folder: string): Promise<string[]> {
  const paths: string[] = [];
  const walk = async (at: string, above: ReadonlySet<string>): Promise<void> => {
    const real = (await files.realPath(at)) ?? at;
    if (above.has(real)) return;
    const within = new Set(above).add(real);
    for (const entry of await files.list(at)) {
      const path = `${at.replace(/\/+$/, '')}/${entry.name}`;
      if (entry.isDirectory) await walk(path, within);
      else paths.push(path);
    }
  };
  await walk(folder, new Set());
  return paths;
}
