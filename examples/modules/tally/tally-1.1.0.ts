/** A better release: it counts too, and takes over what the first one saved. */

let sum = 0;
let numbers = 0;

export function add(number: number): number {
  sum = (sum + number) | 0;
  numbers += 1;
  return sum;
}

export function count(): number {
  return numbers;
}

export function healthCheck(): string {
  return 'OK';
}

export const state = {
  save: (): Uint8Array => {
    const bytes = new Uint8Array(9);
    const view = new DataView(bytes.buffer);
    bytes[0] = 2;
    view.setInt32(1, sum, true);
    view.setUint32(5, numbers, true);
    return bytes;
  },
  load: (bytes: Uint8Array): void => {
    const format = bytes[0];
    if (format !== 1 && format !== 2) throw `the state has format ${format}, this version reads formats 1 and 2`;
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    sum = view.getInt32(1, true);
    numbers = format === 2 ? view.getUint32(5, true) : 0;
  },
};
