/** What a kind of place is: a row in the table of `place.ts`. */
import type { Volume } from './volume.ts';

/** A file or folder in a volume; `path` is '' for the volume's root. */
export interface Place {
  readonly volume: Volume;
  readonly path: string;
}

/** One kind of place: `matches` sees the place as written, `open` finds the volume and the path in it. */
export interface VolumeKind {
  /** For messages: `uc:`, `/Volumes`. */
  readonly name: string;
  matches(place: string): boolean | Promise<boolean>;
  open(place: string): Promise<Place>;
}

/** Where settings come from: the process's environment, unless a test brings its own. */
export type Environment = (name: string) => string | undefined;
