const text = (value: string): number[] => [value.length, ...Buffer.from(value)];
const section = (id: number, body: readonly number[]): number[] => [id, body.length, ...body];

/** A core module whose function `visit` counts `orders` of a call through `hotswap:module/metrics`; fewer than 64. */
export function shopModule(orders: number): Uint8Array {
  const code = [0, 0x41, 0, 0x41, 6, 0x42, orders, 0x10, 0, 0x0b];
  return Uint8Array.from([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [2, 0x60, 3, 0x7f, 0x7f, 0x7e, 0, 0x60, 0, 0]),
    ...section(2, [1, ...text('hotswap:module/metrics'), ...text('counter'), 0, 0]),
    ...section(3, [1, 1]),
    ...section(5, [1, 0, 1]),
    ...section(7, [2, ...text('memory'), 2, 0, ...text('visit'), 0, 1]),
    ...section(10, [1, code.length, ...code]),
    ...section(11, [1, 0, 0x41, 0, 0x0b, ...text('orders')]),
  ]);
}
