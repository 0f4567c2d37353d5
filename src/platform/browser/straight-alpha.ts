/**
 * The pixels of a bitmap with alpha as they are stored. A 2D canvas multiplies colour by alpha and divides again,
 * which loses bits and, where alpha is 0, everything; a WebGL texture takes the bitmap as it is.
 */

let context: WebGL2RenderingContext | null | undefined;

/** RGBA, rows from the top; undefined where there is no WebGL or the picture is larger than its textures. */
export function readStraightAlpha(bitmap: ImageBitmap): Uint8Array | undefined {
  context ??= new OffscreenCanvas(1, 1).getContext('webgl2', { premultipliedAlpha: false });
  const gl = context;
  const { height, width } = bitmap;
  if (!gl || gl.isContextLost() || Math.max(height, width) > gl.getParameter(gl.MAX_TEXTURE_SIZE)) {
    return undefined;
  }
  const texture = gl.createTexture();
  const frame = gl.createFramebuffer();
  try {
    gl.bindTexture(gl.TEXTURE_2D, texture);
    gl.pixelStorei(gl.UNPACK_PREMULTIPLY_ALPHA_WEBGL, false);
    gl.pixelStorei(gl.UNPACK_COLORSPACE_CONVERSION_WEBGL, gl.NONE);
    gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, gl.RGBA, gl.UNSIGNED_BYTE, bitmap);
    gl.bindFramebuffer(gl.FRAMEBUFFER, frame);
    gl.framebufferTexture2D(gl.FRAMEBUFFER, gl.COLOR_ATTACHMENT0, gl.TEXTURE_2D, texture, 0);
    const pixels = new Uint8Array(height * width * 4);
    gl.readPixels(0, 0, width, height, gl.RGBA, gl.UNSIGNED_BYTE, pixels);
    return gl.getError() === gl.NO_ERROR ? pixels : undefined;
  } finally {
    gl.deleteFramebuffer(frame);
    gl.deleteTexture(texture);
  }
}
