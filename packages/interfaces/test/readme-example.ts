import { diffWit, type InterfaceChange } from '@hotswap/interfaces';

const before = `package acme:img@1.2.0;
interface resize {
  record size { w: u32, h: u32 }
  scale: func(image: list<u8>, to: size) -> list<u8>;
}`;
const after = before.replace('@1.2.0', '@1.3.0').replace('h: u32', 'h: u64');

export const changes: readonly InterfaceChange[] = diffWit(before, after);
