/**
 * The bytes of an answer as they come: a length in its header is a claim, so whoever asks counts along, and memory is taken
 * only for what came.
 */
export interface PieceReading {
  /** Is told how many bytes have come; throws where there are too many. */
  arrived(received: number): void;
  /** The error where the connection breaks. */
  broken(received: number, cause: unknown): Error;
  readonly signal?: AbortSignal | undefined;
}

export async function readPieces(
  response: Response,
  { arrived, broken, signal }: PieceReading,
): Promise<Uint8Array<ArrayBuffer>[]> {
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  let received = 0;
  const reader = response.body?.getReader();
  for (;;) {
    const read = await reader?.read().catch((cause: unknown) => {
      signal?.throwIfAborted();
      throw broken(received, cause);
    });
    if (!read?.value) return pieces;
    received += read.value.length;
    try {
      arrived(received);
    } catch (error) {
      await reader?.cancel().catch(() => undefined);
      throw error;
    }
    pieces.push(read.value);
  }
}
