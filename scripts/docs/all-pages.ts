import { cliPage } from './pages/cli-page.ts';
import { commandsPage } from './pages/commands-page.ts';
import { configurationPage } from './pages/configuration-page.ts';
import { effectsPage } from './pages/effects-page.ts';
import { errorsPage } from './pages/errors-page.ts';
import { strategiesPage } from './pages/strategies-page.ts';
import type { ReferencePage } from './reference-page.ts';

/** Every generated page of the reference. */
export const allPages: readonly ReferencePage[] = [
  strategiesPage,
  effectsPage,
  commandsPage,
  configurationPage,
  cliPage,
  errorsPage,
];
