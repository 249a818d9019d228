// What a server without JavaScript of its own gets beside it: a process that takes half a core.
import { stayHalfBusy } from './half-busy.ts';

stayHalfBusy();
console.log('port 1');
