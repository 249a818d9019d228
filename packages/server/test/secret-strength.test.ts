import { describe, expect, it } from 'vitest';
import { loadServerConfig } from '../src/config/load.ts';

const strong = 'wq7Rk2vPz9mXc4Tb8nLd5sGh1yJf6aQe';

describe('secrets of the configuration', () => {
  it.each(['JWT_SECRET_KEY', 'API_SALT', 'HOTSWAP_JWT_PREVIOUS_SECRET_KEY'])(
    '%s needs 32 characters that nobody guesses, and is never shown',
    async (variable) => {
      const load = (value: string) => loadServerConfig([], { [variable]: value });
      for (const [weak, why] of [
        [strong.slice(0, 31), /at least 32 characters/],
        ['abcabcab'.repeat(8), /repeats the same few characters/],
        ['your-secret-key-goes-here-0123456789', /looks like a placeholder/],
        ['CHANGE_ME_CHANGE_ME_0123456789_abcdef', /looks like a placeholder/],
      ] as const) {
        const refused = await load(weak).catch((error: unknown) => error as Error);
        expect(refused).toMatchObject({ code: 'HS_CONFIG_INVALID', message: expect.stringMatching(why) as unknown });
        expect((refused as Error).message).toContain(variable);
        expect((refused as Error).message).not.toContain(weak);
      }
      await expect(load(strong)).resolves.toMatchObject({ environment: 'Development' });
    },
  );
});
