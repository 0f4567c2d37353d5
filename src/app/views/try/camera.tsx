/**
 * The camera with live predictions. A frame goes to the worker as a bitmap that changes hands, and the next one is taken when
 * its answer has come: as fast as the model is, never a queue. The video runs on by itself.
 */
import { transfer } from 'comlink';
import { useEffect, useRef, useState } from 'preact/hooks';
import type { Places, PredictResult } from '../../../client/index.ts';
import { DeviceError } from '../../../core/index.ts';
import { Button } from '../../design/button.tsx';
import { Card } from '../../design/card.tsx';
import { NoticeBox } from '../../design/notice-list.tsx';
import { Boxes, boxesOf } from '../../design/picture.tsx';
import { numberOf } from '../../format.ts';
import { wordsOf } from '../../notices.ts';
import { above } from '../../results/above.ts';
import { Threshold } from '../../results/threshold.tsx';
import { useApp } from '../../state.ts';
import { Labels, lowestThreshold } from './picture.tsx';

/** Models look at less; larger frames only cost time. */
const frameSide = 640;

interface Seen {
  readonly result: PredictResult;
  readonly width: number;
  readonly height: number;
  /** From the frame to its answer. */
  readonly ms: number;
}

export function Camera({
  candidate,
  threshold,
  onThreshold,
  onEnd,
}: {
  readonly candidate: { readonly model: string; places?(): Promise<Places> };
  readonly threshold: number;
  onThreshold(value: number): void;
  onEnd(): void;
}) {
  const { client } = useApp();
  const video = useRef<HTMLVideoElement>(null);
  const [seen, setSeen] = useState<Seen>();
  const [error, setError] = useState<unknown>();
  useEffect(() => {
    let over = false;
    let stream: MediaStream | undefined;
    const film = async (): Promise<void> => {
      const element = video.current!;
      stream = await openCamera();
      // Closed while the user was being asked.
      if (over) return stopCamera(stream);
      element.srcObject = stream;
      await element.play();
      const places = await candidate.places?.();
      const request = { model: candidate.model, threshold: lowestThreshold, ...(places ? { places } : {}) };
      while (!over) {
        const started = performance.now();
        const frame = await frameOf(element);
        const { width, height } = frame;
        const result = await client.worker.predict(request, transfer([frame], [frame]));
        if (over) return;
        setSeen({ result, width, height, ms: performance.now() - started });
        await new Promise((resolve) => requestAnimationFrame(resolve));
      }
    };
    film().catch((failure: unknown) => {
      if (!over) setError(failure);
    });
    return () => {
      over = true;
      if (stream) stopCamera(stream);
    };
  }, []);
  if (error !== undefined) {
    return <NoticeBox notice={{ tone: 'error', ...wordsOf(error) }} onDismiss={onEnd} />;
  }
  const prediction = seen?.result.predictions[0];
  const shown = prediction && above(prediction, threshold);
  return (
    <Card
      title="Camera"
      lead={
        <span class="number">
          {seen
            ? `${numberOf(1000 / seen.ms)} pictures/s · ${numberOf(seen.result.ms)} ms · ${seen.result.runtime}`
            : 'Starting…'}
        </span>
      }
      actions={
        <>
          {prediction?.task === 'detection' ? (
            <Threshold value={threshold} onChange={onThreshold} />
          ) : undefined}
          <Button icon="stop" onClick={onEnd}>
            Stop
          </Button>
        </>
      }
    >
      <div class="try-camera">
        <div class="picture-frame try-video">
          <video ref={video} playsInline muted aria-label="What the camera sees" />
          {shown && seen ? (
            <Boxes
              boxes={boxesOf(undefined, shown, (label) => seen.result.classes[label] ?? `class ${label}`)}
              width={seen.width}
              height={seen.height}
            />
          ) : undefined}
        </div>
        {shown && seen ? <Labels prediction={shown} classes={seen.result.classes} /> : undefined}
      </div>
    </Card>
  );
}

async function openCamera(): Promise<MediaStream> {
  try {
    return await navigator.mediaDevices.getUserMedia({
      video: { facingMode: 'environment', width: { ideal: 1280 } },
    });
  } catch (cause) {
    const name = cause instanceof DOMException ? cause.name : String(cause);
    throw new DeviceError({
      code: 'camera_unavailable',
      expected: 'a camera that this page may use',
      received: reasons[name] ?? name,
      fix:
        name === 'NotAllowedError'
          ? 'allow it in the browser’s address bar and try again'
          : name === 'NotFoundError'
            ? 'drop or choose a picture instead'
            : 'close other programs that use it and try again',
      cause,
    });
  }
}

const reasons: Readonly<Record<string, string>> = {
  NotAllowedError: 'a refusal',
  NotFoundError: 'a device without a camera',
  NotReadableError: 'a camera that another program uses',
};

function stopCamera(stream: MediaStream): void {
  for (const track of stream.getTracks()) track.stop();
}

/** The frame that is shown now, no larger than models look at. */
async function frameOf(video: HTMLVideoElement): Promise<ImageBitmap> {
  const { videoWidth: width, videoHeight: height } = video;
  const scale = Math.min(1, frameSide / Math.max(width, height, 1));
  return createImageBitmap(video, {
    resizeWidth: Math.max(1, Math.round(width * scale)),
    resizeHeight: Math.max(1, Math.round(height * scale)),
    resizeQuality: 'medium',
  });
}
