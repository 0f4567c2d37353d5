/**
 * The webcam: opened when somebody asks, closed when they stop, go away or take the camera elsewhere. A page that is left
 * may be kept by the browser for the way back: its camera must not stay on.
 */
import { DeviceError } from '../../core/index.ts';

/** `environment`: what people look at; `user`: themselves. */
export type Facing = 'environment' | 'user';

export class Camera {
  private constructor(
    readonly video: HTMLVideoElement,
    private stream: MediaStream,
    /** Whether the device has another one. */
    readonly hasOther: boolean,
    private readonly onEnd: () => void,
  ) {
    this.watch();
    addEventListener('pagehide', this.leave);
  }

  private turning: Promise<void> | undefined;
  /** No time is left for a last frame. */
  private readonly leave = (): void => {
    this.onEnd();
    this.close();
  };

  /** @throws DeviceError `camera_missing`, `camera_denied` */
  static async open(facing: Facing, onEnd: () => void): Promise<Camera> {
    const devices = (navigator as { mediaDevices?: MediaDevices }).mediaDevices;
    if (!devices)
      throw refused('camera_missing', 'a page that is not secure, or a frame that may not use it');
    const stream = await streamOf({ facingMode: facing });
    const video = document.createElement('video');
    video.muted = true;
    video.playsInline = true;
    video.srcObject = stream;
    await video.play();
    return new Camera(video, stream, (await cameras()).length > 1, onEnd);
  }

  /** To the other side of the device, or to the next of its cameras where they have no sides. */
  turn(): Promise<void> {
    this.turning ??= this.turnNow().finally(() => {
      this.turning = undefined;
    });
    return this.turning;
  }

  private async turnNow(): Promise<void> {
    const { facingMode, deviceId } = this.stream.getVideoTracks()[0]?.getSettings() ?? {};
    const known = await cameras();
    const next = known[(known.findIndex((camera) => camera.deviceId === deviceId) + 1) % known.length];
    const other: MediaTrackConstraints =
      facingMode === undefined || facingMode === ''
        ? { deviceId: { exact: next?.deviceId ?? '' } }
        : { facingMode: { exact: facingMode === 'user' ? 'environment' : 'user' } };
    // Phones open one camera at a time.
    this.stop();
    const before = deviceId === undefined ? {} : { deviceId: { exact: deviceId } };
    this.stream = await streamOf(other).catch(() => streamOf(before));
    this.watch();
    this.video.srcObject = this.stream;
    await this.video.play();
  }

  private watch(): void {
    for (const track of this.stream.getTracks()) track.addEventListener('ended', this.onEnd);
  }

  private stop(): void {
    for (const track of this.stream.getTracks()) track.stop();
  }

  get width(): number {
    return this.video.videoWidth;
  }

  get height(): number {
    return this.video.videoHeight;
  }

  async frame(): Promise<ImageBitmap> {
    if (this.turning) await this.turning;
    return createImageBitmap(this.video);
  }

  close(): void {
    removeEventListener('pagehide', this.leave);
    this.stop();
    // One that is being opened meanwhile is not wanted either.
    this.turning?.then(() => this.stop()).catch(() => undefined);
    this.video.srcObject = null;
  }
}

/** @throws DeviceError `camera_missing`, `camera_denied` */
async function streamOf(wanted: MediaTrackConstraints): Promise<MediaStream> {
  try {
    return await navigator.mediaDevices.getUserMedia({ video: { ...wanted, width: { ideal: 1280 } } });
  } catch (cause) {
    const { name, message } = cause as DOMException;
    throw refused(name === 'NotAllowedError' ? 'camera_denied' : 'camera_missing', message || name, cause);
  }
}

const cameras = async (): Promise<MediaDeviceInfo[]> =>
  (await navigator.mediaDevices.enumerateDevices()).filter(({ kind }) => kind === 'videoinput');

function refused(code: string, received: string, cause?: unknown): DeviceError {
  return new DeviceError({
    code,
    expected: 'a webcam that this page may use',
    received,
    fix:
      code === 'camera_denied'
        ? 'allow the camera in the browser; a frame needs allow="camera" as well'
        : 'connect a camera and open the page over https or on localhost, or choose a picture instead',
    cause,
  });
}
