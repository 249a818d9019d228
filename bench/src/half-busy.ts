const sliceMs = 10;

/** Keeps this thread busy for 10 ms of each 20: half a core of JavaScript that does something else. */
export function stayHalfBusy(): void {
  const spin = (): void => {
    const until = performance.now() + sliceMs;
    while (performance.now() < until);
    setTimeout(spin, sliceMs);
  };
  spin();
}
