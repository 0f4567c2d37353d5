/** A camera's frames, one after the other: the model looks at the newest while the screen shows every one. */
import type { Answer } from '../protocol.ts';
import type { Camera } from './camera.ts';

export interface FilmingActions {
  ask(frame: () => Promise<ImageBitmap>): Promise<Answer>;
  /** Draws what the camera sees now. */
  draw(camera: Camera): void;
  /** `speak`: whether it is time to say it to those who don't see it. */
  answered(camera: Camera, answer: Answer, speak: boolean): void;
  failed(error: unknown): void;
  /** The camera is on or off; `mayTurn`: there is another one. */
  changed(on: boolean, mayTurn: boolean): void;
}

/** Milliseconds between two sentences: a voice that reads ten a second is none. */
const quiet = 3000;

export class Filming {
  private camera: Camera | undefined;

  constructor(private readonly actions: FilmingActions) {}

  get isOn(): boolean {
    return this.camera !== undefined;
  }

  begin(camera: Camera): void {
    this.camera = camera;
    this.actions.changed(true, camera.hasOther);
    const draw = (): void => {
      if (this.camera !== camera) return;
      this.actions.draw(camera);
      requestAnimationFrame(draw);
    };
    draw();
    void this.look(camera);
  }

  /** To the other camera of the device. */
  turn(): void {
    const { camera } = this;
    camera?.turn().catch((error: unknown) => {
      if (this.camera === camera) this.actions.failed(error);
    });
  }

  /** The camera that was on; whoever ends it closes it, perhaps after a last frame. */
  end(): Camera | undefined {
    const { camera } = this;
    this.camera = undefined;
    this.actions.changed(false, false);
    return camera;
  }

  private async look(camera: Camera): Promise<void> {
    let said = Number.NEGATIVE_INFINITY;
    while (this.camera === camera) {
      try {
        const answer = await this.actions.ask(() => camera.frame());
        if (this.camera !== camera) return;
        const speak = performance.now() - said > quiet;
        if (speak) said = performance.now();
        this.actions.answered(camera, answer, speak);
      } catch (error) {
        if (this.camera === camera) this.actions.failed(error);
        return;
      }
    }
  }
}
