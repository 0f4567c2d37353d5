/** The webcam: opened when somebody asks, closed when they stop, go away or take the camera elsewhere. */
import { DeviceError } from '../../core/index.ts';

export class Camera {
  private constructor(
    readonly video: HTMLVideoElement,
    private readonly stream: MediaStream,
  ) {}

  /** @throws DeviceError `camera_missing`, `camera_denied` */
  static async open(onEnd: () => void): Promise<Camera> {
    const devices = (navigator as { mediaDevices?: MediaDevices }).mediaDevices;
    if (!devices)
      throw refused('camera_missing', 'a page that is not secure, or a frame that may not use it');
    let stream: MediaStream;
    try {
      stream = await devices.getUserMedia({ video: { facingMode: 'environment', width: { ideal: 1280 } } });
    } catch (cause) {
      const { name, message } = cause as DOMException;
      throw refused(name === 'NotAllowedError' ? 'camera_denied' : 'camera_missing', message || name, cause);
    }
    const video = document.createElement('video');
    video.muted = true;
    video.playsInline = true;
    video.srcObject = stream;
    for (const track of stream.getTracks()) track.addEventListener('ended', onEnd);
    await video.play();
    return new Camera(video, stream);
  }

  get width(): number {
    return this.video.videoWidth;
  }

  get height(): number {
    return this.video.videoHeight;
  }

  frame(): Promise<ImageBitmap> {
    return createImageBitmap(this.video);
  }

  close(): void {
    for (const track of this.stream.getTracks()) track.stop();
    this.video.srcObject = null;
  }
}

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
