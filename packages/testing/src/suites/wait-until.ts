/** How often a condition that takes real time is looked at. */
const lookEveryMs = 20;

/** Lets time pass until a condition holds; `false` when it does not within the given time. @internal */
export async function waitUntil(
  holds: () => boolean,
  letPass: (ms: number) => Promise<void>,
  patienceMs: number,
): Promise<boolean> {
  for (let passedMs = 0; !holds(); passedMs += lookEveryMs) {
    if (passedMs >= patienceMs) return false;
    await letPass(lookEveryMs);
  }
  return true;
}
