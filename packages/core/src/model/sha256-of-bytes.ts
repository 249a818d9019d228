/** First 32 bits of the fractional parts of the cube roots of the first 64 primes (FIPS 180-4, 4.2.2). */
const roundConstants = Int32Array.of(
  0x428a2f98,
  0x71374491,
  0xb5c0fbcf,
  0xe9b5dba5,
  0x3956c25b,
  0x59f111f1,
  0x923f82a4,
  0xab1c5ed5,
  0xd807aa98,
  0x12835b01,
  0x243185be,
  0x550c7dc3,
  0x72be5d74,
  0x80deb1fe,
  0x9bdc06a7,
  0xc19bf174,
  0xe49b69c1,
  0xefbe4786,
  0x0fc19dc6,
  0x240ca1cc,
  0x2de92c6f,
  0x4a7484aa,
  0x5cb0a9dc,
  0x76f988da,
  0x983e5152,
  0xa831c66d,
  0xb00327c8,
  0xbf597fc7,
  0xc6e00bf3,
  0xd5a79147,
  0x06ca6351,
  0x14292967,
  0x27b70a85,
  0x2e1b2138,
  0x4d2c6dfc,
  0x53380d13,
  0x650a7354,
  0x766a0abb,
  0x81c2c92e,
  0x92722c85,
  0xa2bfe8a1,
  0xa81a664b,
  0xc24b8b70,
  0xc76c51a3,
  0xd192e819,
  0xd6990624,
  0xf40e3585,
  0x106aa070,
  0x19a4c116,
  0x1e376c08,
  0x2748774c,
  0x34b0bcb5,
  0x391c0cb3,
  0x4ed8aa4a,
  0x5b9cca4f,
  0x682e6ff3,
  0x748f82ee,
  0x78a5636f,
  0x84c87814,
  0x8cc70208,
  0x90befffa,
  0xa4506ceb,
  0xbef9a3f7,
  0xc67178f2,
);
const initialState = [
  0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
] as const;
const blockBytes = 64;
/** The closing bit and the length of what came before it. */
const closingBytes = 9;

/**
 * SHA-256 (FIPS 180-4) on the spot. For short texts it is several times quicker than the platform's, which answers from
 * another thread, and whoever asks twice gets the answers in the order of the questions.
 * @internal
 */
export function sha256OfBytes(content: Uint8Array): Uint8Array {
  const padded = new Uint8Array(Math.ceil((content.length + closingBytes) / blockBytes) * blockBytes);
  padded.set(content);
  padded[content.length] = 0x80;
  const words = new DataView(padded.buffer);
  words.setUint32(padded.length - 8, Math.floor(content.length / 0x2000_0000));
  words.setUint32(padded.length - 4, content.length << 3);
  const state = Int32Array.from(initialState);
  const schedule = new Int32Array(64);
  for (let at = 0; at < padded.length; at += blockBytes) {
    fillSchedule(schedule, words, at);
    compress(state, schedule);
  }
  const digest = new DataView(new ArrayBuffer(32));
  for (let n = 0; n < 8; n++) digest.setInt32(4 * n, state[n] as number);
  return new Uint8Array(digest.buffer);
}

const rotated = (word: number, bits: number): number => (word >>> bits) | (word << (32 - bits));

function fillSchedule(schedule: Int32Array, words: DataView, at: number): void {
  for (let n = 0; n < 16; n++) schedule[n] = words.getInt32(at + 4 * n);
  for (let n = 16; n < 64; n++) {
    const late = schedule[n - 2] as number;
    const early = schedule[n - 15] as number;
    const s1 = rotated(late, 17) ^ rotated(late, 19) ^ (late >>> 10);
    const s0 = rotated(early, 7) ^ rotated(early, 18) ^ (early >>> 3);
    schedule[n] = ((schedule[n - 16] as number) + s0 + (schedule[n - 7] as number) + s1) | 0;
  }
}

function compress(state: Int32Array, schedule: Int32Array): void {
  let [a, b, c, d, e, f, g, h] = state as unknown as [number, number, number, number, number, number, number, number];
  for (let n = 0; n < 64; n++) {
    const s1 = rotated(e, 6) ^ rotated(e, 11) ^ rotated(e, 25);
    const chosen = (e & f) ^ (~e & g);
    const first = (h + s1 + chosen + (roundConstants[n] as number) + (schedule[n] as number)) | 0;
    const s0 = rotated(a, 2) ^ rotated(a, 13) ^ rotated(a, 22);
    const majority = (a & b) ^ (a & c) ^ (b & c);
    h = g;
    g = f;
    f = e;
    e = (d + first) | 0;
    d = c;
    c = b;
    b = a;
    a = (first + s0 + majority) | 0;
  }
  const added = [a, b, c, d, e, f, g, h];
  for (let n = 0; n < 8; n++) state[n] = (state[n] as number) + (added[n] as number);
}
