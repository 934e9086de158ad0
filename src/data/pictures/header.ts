/** Read from the first bytes, so that a hostile picture is refused before memory is allocated. */
export interface Header {
  format: 'jpeg' | 'png' | 'webp';
  /** Pixels as stored, before orientation. */
  width: number;
  height: number;
  /** EXIF, 1..8; 1 also where only the decoder knows it. */
  orientation: number;
  /** CMYK without a profile. */
  isPlainCmyk: boolean;
}

/** Undefined when the bytes are no JPEG, PNG or WebP. */
export function readHeader(bytes: Uint8Array): Header | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 16) return undefined;
  if (view.getUint16(0) === 0xffd8) return jpeg(view);
  if (view.getUint32(0) === 0x89504e47 && bytes.length >= 24) return png(view);
  if (view.getUint32(0) === 0x52494646 && view.getUint32(8) === 0x57454250) return webp(view);
  return undefined;
}

function png(view: DataView): Header {
  const [width, height] = [view.getUint32(16), view.getUint32(20)];
  return { format: 'png', width, height, orientation: 1, isPlainCmyk: false };
}

function webp(view: DataView): Header | undefined {
  if (view.byteLength < 30) return undefined;
  const chunk = view.getUint32(12);
  const header = (width: number, height: number): Header => ({
    format: 'webp',
    width,
    height,
    orientation: 1,
    isPlainCmyk: false,
  });
  const u24 = (offset: number): number => view.getUint16(offset, true) + view.getUint8(offset + 2) * 65536;
  if (chunk === 0x56503858) return header(u24(24) + 1, u24(27) + 1); // 'VP8X'
  if (chunk === 0x56503820)
    return header(view.getUint16(26, true) & 0x3fff, view.getUint16(28, true) & 0x3fff); // 'VP8 '
  if (chunk !== 0x5650384c) return undefined; // 'VP8L'
  const packed = view.getUint32(21, true);
  return header((packed & 0x3fff) + 1, ((packed >>> 14) & 0x3fff) + 1);
}

/** Start of frame: C0..CF without C4 (Huffman), C8 (reserved), CC (arithmetic). */
function isFrame(marker: number): boolean {
  return marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;
}

function jpeg(view: DataView): Header | undefined {
  let orientation = 1;
  let hasProfile = false;
  let offset = 2;
  while (offset + 9 < view.byteLength) {
    if (view.getUint8(offset) !== 0xff) return undefined;
    const marker = view.getUint8(offset + 1);
    if (marker === 0xff) offset += 1;
    else if (isFrame(marker)) {
      return {
        format: 'jpeg',
        width: view.getUint16(offset + 7),
        height: view.getUint16(offset + 5),
        orientation,
        isPlainCmyk: view.getUint8(offset + 9) === 4 && !hasProfile,
      };
    } else {
      if (marker === 0xe2) hasProfile ||= startsWith(view, offset + 4, 'ICC_PROFILE');
      if (marker === 0xe1) orientation = exifOrientation(view, offset + 4) ?? orientation;
      offset += 2 + view.getUint16(offset + 2);
    }
  }
  return undefined;
}

function startsWith(view: DataView, offset: number, text: string): boolean {
  return (
    offset + text.length <= view.byteLength &&
    [...text].every((letter, i) => view.getUint8(offset + i) === letter.charCodeAt(0))
  );
}

/** Tag 0x0112 of the first directory of an APP1 segment. */
function exifOrientation(view: DataView, payload: number): number | undefined {
  if (payload + 14 > view.byteLength || view.getUint32(payload) !== 0x45786966) return undefined;
  const tiff = payload + 6;
  const little = view.getUint16(tiff) === 0x4949;
  const directory = tiff + view.getUint32(tiff + 4, little);
  if (directory + 2 > view.byteLength) return undefined;
  const entries = view.getUint16(directory, little);
  for (let entry = 0; entry < entries; entry++) {
    const place = directory + 2 + entry * 12;
    if (place + 12 > view.byteLength) return undefined;
    if (view.getUint16(place, little) !== 0x0112) continue;
    const value = view.getUint16(place + 8, little);
    return value >= 1 && value <= 8 ? value : undefined;
  }
  return undefined;
}

/** Orientations 5..8 swap width and height. */
export function upright(header: Header): { width: number; height: number } {
  const { width, height } = header;
  return header.orientation > 4 ? { width: height, height: width } : { width, height };
}
